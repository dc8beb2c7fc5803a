//! The emergency and crisis numbers by country, and the lines that are said first in danger.
//!
//! A wrong number is worse than none, so a country has an entry only where public documentation
//! names the number; beside each stands where. Countries without one get the general lines.
//! The addresses beside the numbers are where to look; not all of them could be opened when the
//! table was last checked, in November 2026, against stored copies of public pages:
//! - seen at the service itself: Samaritans (samaritans.org), 3114 (3114.fr);
//! - seen at an authority or in reports that quote the service: 8-800-2000-122 (a page on
//!   gosuslugi.ru, which also names 124 for mobile phones), 988 in the US, Lifeline Ukraine,
//!   150 and 111 in Kazakhstan (the press, which quotes the government for 111), ERAN's 1201
//!   and its languages, 1737 in New Zealand (the health minister's announcement);
//! - not seen anew: every emergency number, the emergency ministry's line in Russia (reports up
//!   to 2014 name older numbers), 0800 1110111 in Germany, 988 in Canada, 13 11 14 in Australia.
//!
//! Nothing was found that contradicts an entry. Numbers change seldom, but they do.

use super::phrases::Words;
use crate::language::Language;

/// A line that people can call.
struct Helpline {
    number: &'static str,
    /// What it is, in Russian.
    ru: &'static str,
    /// The same in English.
    en: &'static str,
}

/// The numbers of one country.
struct Numbers {
    /// ISO 3166-1 alpha-2.
    code: &'static str,
    /// As in «в России», and in English.
    name: (&'static str, &'static str),
    emergency: &'static str,
    helplines: &'static [Helpline],
    /// How people write where they are: patterns as in [`super::phrases`].
    places: &'static [&'static str],
}

const TABLE: &[Numbers] = &[
    Numbers {
        code: "RU",
        name: ("в России", "in Russia"),
        // https://tass.com/society/1383365 (government resolution of 27 November 2021)
        emergency: "112",
        helplines: &[
            // https://telefon-doveria.ru, https://fond-detyam.ru: for children and parents, and
            // other callers are answered as well; free of charge.
            Helpline {
                number: "8-800-2000-122",
                ru: "детский телефон доверия, и для взрослых, бесплатно",
                en: "children's helpline, answers adults too, free",
            },
            // https://psi.mchs.gov.ru: the psychologists of the Ministry of Emergency Situations.
            Helpline {
                number: "8 (495) 989-50-50",
                ru: "психологи МЧС, круглосуточно",
                en: "psychologists of the emergency ministry, day and night",
            },
        ],
        places: &[
            "росси*|рф|москв*|подмосков*|питер*|спб|екатеринбург*|новосибирск*|казань|казани|самар*|омск*|челябинск*|ростов*|уфа|уфе|уфы|красноярск*|воронеж*|пермь|перми|волгоград*|краснодар*|саратов*|тюмен*|ижевск*|барнаул*|иркутск*|хабаровск*|владивосток*|ярославл*|томск*|сочи|тула|туле|тулы|рязан*|калининград*|мурманск*|белгород*|курск*|брянск*|смоленск*|тверь|твери|псков*|тамбов*|пенз*|оренбург*|кемеров*|новокузнецк*|якутск*|махачкал*|грозн*",
            "санкт петербург*",
            "нижн* новгород*",
            "russia*|moscow|petersburg|novosibirsk|yekaterinburg|kazan|samara|rostov|krasnodar|vladivostok",
        ],
    },
    Numbers {
        code: "UA",
        name: ("в Украине", "in Ukraine"),
        // https://112.gov.ua
        emergency: "112",
        // https://lifelineukraine.com
        helplines: &[Helpline {
            number: "7333",
            ru: "Lifeline Ukraine, круглосуточно",
            en: "Lifeline Ukraine, day and night",
        }],
        places: &[
            "украин*|украї*|киев*|київ*|харьк*|харків*|одесс*|одеса|одесі|днепр*|дніпр*|львов*|львів*|запорож*|запоріж*|винниц*|вінниц*",
            "ukrain*|kyiv|kiev|kharkiv|odesa|odessa|lviv|dnipro",
        ],
    },
    Numbers {
        code: "KZ",
        name: ("в Казахстане", "in Kazakhstan"),
        // https://egov.kz (112, единая дежурно-диспетчерская служба)
        emergency: "112",
        helplines: &[
            // https://orda.kz: «Телефон доверия 150», Union of Crisis Centres, since 2007.
            Helpline {
                number: "150",
                ru: "телефон доверия",
                en: "helpline",
            },
            // https://online.zakon.kz/m/amp/document/35706030: the contact centre by law.
            Helpline {
                number: "111",
                ru: "контакт-центр помощи женщинам и детям, круглосуточно, бесплатно",
                en: "contact centre for women and children, day and night, free",
            },
        ],
        places: &[
            "казахстан*|қазақстан*|алматы|алмате|астан*|шымкент*|караганд*|актобе",
            "kazakhstan*|almaty|astana|shymkent",
        ],
    },
    Numbers {
        code: "IL",
        name: ("в Израиле", "in Israel"),
        // https://www.mdais.org (101, ambulance), https://www.gov.il (100, police)
        emergency: "101 (скорая / ambulance), 100 (полиция / police)",
        // https://www.eran.org.il, also in Russian and English
        helplines: &[Helpline {
            number: "1201",
            ru: "ЭРАН, есть русскоязычная линия",
            en: "ERAN, also in English and Russian",
        }],
        places: &[
            "израил*|хайф*|иерусалим*",
            "тель авив*",
            "israel*|haifa|jerusalem",
            "tel aviv",
        ],
    },
    Numbers {
        code: "DE",
        name: ("в Германии", "in Germany"),
        // https://www.bmi.bund.de (Notruf 112)
        emergency: "112",
        // https://www.telefonseelsorge.de
        helplines: &[Helpline {
            number: "0800 1110111",
            ru: "TelefonSeelsorge, круглосуточно, бесплатно",
            en: "TelefonSeelsorge, day and night, free",
        }],
        places: &[
            "германи*|берлин*|мюнхен*|гамбург*|франкфурт*|кельн*",
            "german*|deutschland|berlin|munich|hamburg|frankfurt|cologne",
        ],
    },
    Numbers {
        code: "FR",
        name: ("во Франции", "in France"),
        // https://www.service-public.fr (numéros d'urgence)
        emergency: "112",
        // https://3114.fr
        helplines: &[Helpline {
            number: "3114",
            ru: "линия предотвращения самоубийств, круглосуточно, бесплатно",
            en: "suicide prevention line, day and night, free",
        }],
        places: &[
            "франци*|париж*|лион*|марсел*",
            "france|paris|lyon|marseille",
        ],
    },
    Numbers {
        code: "GB",
        name: ("в Великобритании", "in the United Kingdom"),
        // https://www.gov.uk/guidance/999-and-112-the-uks-national-emergency-numbers
        emergency: "999",
        // https://www.samaritans.org
        helplines: &[Helpline {
            number: "116 123",
            ru: "Samaritans, круглосуточно, бесплатно",
            en: "Samaritans, day and night, free",
        }],
        places: &[
            "великобритани*|англи*|шотланди*|лондон*|манчестер*",
            "united kingdom",
            "uk|england|scotland|wales|britain|london|manchester|birmingham|glasgow|edinburgh",
        ],
    },
    Numbers {
        code: "IE",
        name: ("в Ирландии", "in Ireland"),
        // https://www.112.ie
        emergency: "112",
        // https://www.samaritans.org/ireland
        helplines: &[Helpline {
            number: "116 123",
            ru: "Samaritans, круглосуточно, бесплатно",
            en: "Samaritans, day and night, free",
        }],
        places: &["ирланди*|дублин*", "ireland|dublin|cork"],
    },
    Numbers {
        code: "US",
        name: ("в США", "in the United States"),
        // https://www.911.gov
        emergency: "911",
        // https://988lifeline.org, https://www.veteranscrisisline.net
        helplines: &[Helpline {
            number: "988",
            ru: "линия помощи в кризисе, звонок или СМС; ветеранам — затем 1",
            en: "Suicide & Crisis Lifeline, call or text; veterans then press 1",
        }],
        places: &[
            "нью йорк*",
            "сша|америк*|чикаго|калифорни*|майами",
            "usa|us|america*|california|texas|florida|chicago|boston|seattle|miami",
            "united states",
            "new york|jersey|mexico|orleans|hampshire",
            "los angeles",
        ],
    },
    Numbers {
        code: "CA",
        name: ("в Канаде", "in Canada"),
        // https://crtc.gc.ca/eng/phone/911
        emergency: "911",
        // https://988.ca
        helplines: &[Helpline {
            number: "988",
            ru: "линия помощи в кризисе, звонок или СМС",
            en: "Suicide Crisis Helpline, call or text",
        }],
        places: &[
            "канад*|торонто|ванкувер*|монреал*",
            "canad*|toronto|vancouver|montreal|ottawa|calgary",
        ],
    },
    Numbers {
        code: "AU",
        name: ("в Австралии", "in Australia"),
        // https://www.triplezero.gov.au
        emergency: "000",
        // https://www.lifeline.org.au
        helplines: &[Helpline {
            number: "13 11 14",
            ru: "Lifeline, круглосуточно",
            en: "Lifeline, day and night",
        }],
        places: &[
            "австрали*|сидне*|мельбурн*",
            "australia*|sydney|melbourne|brisbane|perth",
        ],
    },
    Numbers {
        code: "NZ",
        name: ("в Новой Зеландии", "in New Zealand"),
        // https://www.police.govt.nz/111
        emergency: "111",
        // https://1737.org.nz
        helplines: &[Helpline {
            number: "1737",
            ru: "звонок или СМС, круглосуточно, бесплатно",
            en: "call or text, day and night, free",
        }],
        places: &[
            "нов* зеланди*|окленд*",
            "new zealand",
            "auckland|wellington",
        ],
    },
];

/// A country whose numbers are known.
#[derive(Clone, Copy)]
pub struct Country(&'static Numbers);

impl Country {
    /// By its ISO 3166-1 code, in letters of any case.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|numbers| numbers.code.eq_ignore_ascii_case(code))
            .map(Self)
    }

    /// The codes of all there are.
    #[must_use]
    pub fn codes() -> Vec<&'static str> {
        TABLE.iter().map(|numbers| numbers.code).collect()
    }

    /// By what a person wrote about where they are.
    #[must_use]
    pub fn of_place(place: &str) -> Option<Self> {
        let words = Words::new(place);
        TABLE
            .iter()
            .find(|numbers| words.hold_any(numbers.places))
            .map(Self)
    }

    /// Its ISO 3166-1 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.0.code
    }
}

/// Patterns of every place the table knows, so that places can be kept from leaving.
pub(super) fn places() -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .flat_map(|numbers| numbers.places.iter().copied())
}

/// Whether these digits are a number that the lines name: it belongs to nobody.
pub(super) fn is_public_number(digits: &str) -> bool {
    TABLE.iter().any(|numbers| {
        numbers
            .helplines
            .iter()
            .map(|line| line.number)
            .chain([numbers.emergency])
            .any(|number| {
                number
                    .chars()
                    .filter(char::is_ascii_digit)
                    .eq(digits.chars())
            })
    })
}

/// The country to speak of: the one asked for, else Russia to those who write Russian.
fn spoken_of(country: Option<Country>, language: Language) -> Option<&'static Numbers> {
    country
        .or_else(|| match language {
            Language::Ru => Country::from_code("RU"),
            Language::En => None,
        })
        .map(|country| country.0)
}

/// What is said first in danger: the emergency number, lines to call, the alarm, a human.
#[must_use]
pub fn lines(country: Option<Country>, language: Language) -> String {
    let numbers = spoken_of(country, language);
    let helplines = numbers.map(|numbers| {
        let listed: Vec<String> = numbers
            .helplines
            .iter()
            .map(|line| match language {
                Language::Ru => format!("{} ({})", line.number, line.ru),
                Language::En => format!("{} ({})", line.number, line.en),
            })
            .collect();
        listed.join("; ")
    });
    match (language, numbers, helplines) {
        (Language::Ru, Some(numbers), Some(helplines)) => format!(
            "Если жизни или безопасности что-то угрожает — вашей или чужой — звоните {} прямо \
             сейчас ({}).\n\
             Поговорить с человеком по телефону: {helplines}.\n\
             {ALARM_RU}\n{HUMAN_RU}",
            numbers.emergency, numbers.name.0
        ),
        (Language::En, Some(numbers), Some(helplines)) => format!(
            "If your life or safety, or somebody else's, is at risk: call {} right now ({}).\n\
             To talk to a person by phone: {helplines}.\n\
             {ALARM_EN}\n{HUMAN_EN}",
            numbers.emergency, numbers.name.1
        ),
        (Language::Ru, ..) => format!(
            "Если жизни или безопасности что-то угрожает — вашей или чужой — звоните в местную \
             экстренную службу прямо сейчас (112 в Европе, 911 в Северной Америке).\n\
             {ALARM_RU}\n{HUMAN_RU}"
        ),
        (Language::En, ..) => format!(
            "If your life or safety, or somebody else's, is at risk: call your local emergency \
             number (112 in Europe, 911 in North America) right now.\n\
             Crisis lines of most countries: https://findahelpline.com\n\
             {ALARM_EN}\n{HUMAN_EN}"
        ),
    }
}

/// The country to name numbers of: by what a person wrote about where they are, else the
/// deployment's, by its code.
#[must_use]
pub fn country(place: &str, deployment: Option<&str>) -> Option<Country> {
    Country::of_place(place).or_else(|| Country::from_code(deployment?))
}

/// The emergency number; `None` where the country is not known.
#[must_use]
pub fn emergency_number(country: Option<Country>, language: Language) -> Option<&'static str> {
    spoken_of(country, language).map(|numbers| numbers.emergency)
}

/// What every answer begins with while danger was spoken of in a conversation: in one line.
#[must_use]
pub fn reminder(country: Option<Country>, language: Language) -> String {
    let number = emergency_number(country, language).unwrap_or("112 / 911");
    match language {
        Language::Ru => {
            format!("Помощь рядом в любую минуту: {number}, кнопка тревоги, чат поддержки.")
        }
        Language::En => {
            format!("Help is near at any minute: {number}, the alarm button, the support chat.")
        }
    }
}

const ALARM_RU: &str =
    "Нажмите кнопку тревоги в приложении: она позовёт ваших близких и терапевта.";
const ALARM_EN: &str =
    "Press the alarm button in the app: it calls the people close to you and your therapist.";
const HUMAN_RU: &str = "Напишите живому человеку в чат поддержки: не оставайтесь с этим наедине.";
const HUMAN_EN: &str = "Write to a human in the support chat: don't stay alone with this.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_is_read_from_what_people_write() {
        for (place, code) in [
            ("Москва", "RU"),
            ("г. Санкт-Петербург, Россия", "RU"),
            ("Нижний Новгород", "RU"),
            ("Київ", "UA"),
            ("Almaty, Kazakhstan", "KZ"),
            ("London", "GB"),
            ("Austin, Texas, US", "US"),
            ("New York", "US"),
            ("Toronto, Canada", "CA"),
            ("Sydney", "AU"),
            ("Auckland, New Zealand", "NZ"),
            ("Берлин, Германия", "DE"),
            ("Paris", "FR"),
            ("Haifa", "IL"),
            ("Dublin", "IE"),
        ] {
            let found = Country::of_place(place).map(Country::code);
            assert_eq!(found, Some(code), "{place}");
        }
        assert!(Country::of_place("").is_none());
        assert!(Country::of_place("дома").is_none());
        assert!(Country::from_code("ru").is_some() && Country::from_code("XX").is_none());
    }

    #[test]
    fn lines_begin_with_the_number_to_call() {
        for numbers in TABLE {
            for language in [Language::Ru, Language::En] {
                let lines = lines(Some(Country(numbers)), language);
                let first = lines.lines().next().unwrap_or_default();
                assert!(first.contains(numbers.emergency), "{first}");
                for line in numbers.helplines {
                    assert!(lines.contains(line.number));
                }
                assert!(reminder(Some(Country(numbers)), language).contains(numbers.emergency));
            }
        }
        assert!(lines(None, Language::Ru).contains("8-800-2000-122"));
        assert!(lines(None, Language::En).contains("your local emergency number"));
    }
}
