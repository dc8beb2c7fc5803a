use super::topic_of;
use super::topics::{TOPICS, WELCOME};
use crate::assistant::ambiguous::AMBIGUOUS;
use crate::assistant::crisis;
use crate::assistant::danger::{DANGER, HARMLESS};
use crate::assistant::harm::{GRAVE, HARM, REFUSALS};
use crate::assistant::phrases::{Patterns, Words};
use crate::assistant::plain::PLAIN;
use crate::language::Language;

/// Cries for help, as people write them. Together with [`MORE_CRIES`] they use every pattern of
/// [`DANGER`] and [`AMBIGUOUS`].
const CRIES: &[&str] = &[
    // Wanting to die.
    "Я хочу умереть",
    "хочется просто лечь и сдохнуть",
    "Мне лучше умереть.",
    "умереть хочу",
    "хочу смерти",
    "лучше смерть, чем так",
    "лучше бы я погиб там вместе с ними",
    "лучше бы я не родился",
    "Зачем я выжил?",
    "постоянно думаю о смерти",
    "хочу уйти из этой жизни",
    "не хочу больше просыпаться",
    "уснуть бы и не проснуться",
    "хочу уснуть навсегда",
    "написала предсмертное",
    "Это моё последнее сообщение",
    "прощайте все",
    "прощай, жестокий мир",
    "без меня всем будет лучше",
    "всем легче будет без меня",
    "хочу чтобы всё закончилось",
    "решил закончить всё",
    "I want to die",
    "I wish I was dead",
    "i wish i could just disappear",
    "let me sleep forever",
    "I would be better off dead",
    "everyone is better off without me",
    "I keep thinking about suicide",
    "wish I had never been born",
    "I wish I wasn't alive",
    "I hope I don't wake up",
    "goodbye everyone",
    "gonna kms",
    // Not wanting to live.
    "не хочу жить",
    "Я больше так не могу жить",
    "нет сил жить",
    "НЕ ХОЧУ ЖИТЬ!!!",
    "нехочу жить",
    "надоело жить",
    "жить не хочется",
    "жить надоело",
    "не вижу смысла в жизни",
    "жизнь потеряла смысл",
    "моя жизнь кончена",
    "не хочу существовать",
    "I don't want to live anymore",
    "I don’t want to be here",
    "I can't go on",
    "I cannot keep going",
    "I can't do this anymore",
    "I can't live like this",
    "there is no reason to live",
    "I have nothing to live for",
    "it's not worth living",
    "I've lost the will to live",
    "I'm tired of living",
    "tired of being alive",
    "my life is not worth anything",
    // Suicide by name.
    "суицидальные мысли",
    "I am suicidal",
    "Думаю покончить с собой",
    "с собой покончить",
    "свести счёты с жизнью",
    "хочу выпилиться",
    "хочу убить себя",
    "убью сейчас себя",
    "себя убить",
    "себя хочется порезать",
    "я повешусь",
    "голову в петлю",
    "пулю в лоб",
    "I'm going to kill myself",
    "my friend wants to kill himself",
    "I want to end my life",
    "take my own life",
    "end it all",
    "I want to end it",
    "there's a gun to my head",
    "I tied a noose",
    // Hurting oneself.
    "хочу порезать себя",
    "порезала себе вены",
    "себе руки режу",
    "режу руки когда плохо",
    "опять самоповреждение",
    "причинить себе боль",
    "боюсь навредить себе",
    "могу себе навредить",
    "что-нибудь сделаю с собой",
    "с собой что-то сделаю",
    "I cut myself again",
    "going to hurt my self",
    "thoughts of self-harm",
    "selfharm",
    "slit my wrists",
    // Pills, heights, trains.
    "наглоталась таблеток",
    "выпил целую упаковку, все таблетки",
    "спрыгнуть с крыши",
    "выйти в окно",
    "брошусь под поезд",
    "стою на краю крыши",
    "сижу на подоконнике, ноги наружу",
    "I took all my pills",
    "thinking of jumping off a bridge",
    "standing on the ledge",
    // Violence by others.
    "меня бьёт муж",
    "муж избивает",
    "он избил маму",
    "отчим поднял на меня руку",
    "меня изнасиловали",
    "он угрожает мне ножом",
    "мне угрожают",
    "я в опасности",
    "мы в серьёзной опасности",
    "кто-то ломится в дверь",
    "my husband hits me",
    "they are beating me",
    "I was raped",
    "I was sexually assaulted",
    "domestic violence",
    "he threatens to kill me",
    "someone is trying to hurt me",
    "he will kill me",
    "someone is following me",
    "there is an intruder",
    "I'm in danger",
    "I don't feel safe at home",
    "he has a gun",
    "держу в руке нож",
    "нож в руке",
    // Violence towards others.
    "я его убью",
    "боюсь, что могу убить кого-нибудь",
    "боюсь ударить ребёнка",
    "I want to kill someone",
    "I'm afraid I will hurt somebody",
    // A cry for help.
    "Спасите!",
    "кровь не останавливается",
    "вызовите скорую",
    "he is bleeding badly",
    "please call an ambulance",
    // What people say without saying it.
    "мне это больше уже не понадобится",
    "я бремя для всех",
    "если я исчезну, никто не заметит",
    "what is a lethal dose",
    "он больше не хочет жить",
    "думаю про свою смерть",
    "ненавижу эту жизнь",
    "вены опять порезала",
    "верёвка уже готова",
    "всё решил окончательно",
    "избить его хочется",
    "он с ножом у меня под дверью, ножом ломает двери",
    "за мной пришли с топором",
    "он замахнулся на меня",
    "преследует он меня",
    "меня кто-то преследует",
    "не ищите меня",
    "мне всё равно, жив я или нет",
    "нет больше сил бороться",
    "скоро отдохнёте от меня",
    "от меня вы скоро отдохнёте, избавитесь",
    "скоро избавлю вас от меня",
    "впереди одна пустота",
    "нехочу просыпаться",
    "I just want to be dead",
    "I drank some bleach",
    "I am planning my own death",
    "when I'm no longer here",
    "once I'm gone",
    "tell them I loved them",
    "I don't deserve to live",
    "I give up on life",
    "I can't keep fighting",
    "you won't hear from me again",
    "I'm going to be with my god",
    "he bought a gun for himself",
    "I'm afraid to hit her",
    "I was molested",
    "он трогает меня по ночам",
    // Spelling.
    "я ｈочу умереть, хочу умереть",
    "не\nхочу\nжить",
    "хочу у\u{ad}мереть",
    "PTSD сильный, I want to die",
    "убить время не выходит, хочу умереть",
];

/// What must not set off the crisis lines.
const NO_DANGER: &[&str] = &[
    "",
    "😀",
    "Как справиться с тревогой?",
    "Как убить время?",
    "убиваю время за играми",
    "меня бьёт дрожь",
    "дрожь меня бьёт",
    "меня убивает тишина",
    "снится, что меня убивают",
    "в пиковой даме убили старуху",
    "Не могу дышать, сейчас умру, паника",
    "боюсь умереть",
    "боюсь выйти в метро",
    "сижу на краю кровати",
    "не могу проснуться от кошмара",
    "не чувствую себя в безопасности",
    "хочу жить",
    "живу один, скучно",
    "выпил таблетку от головы",
    "режу хлеб",
    "я убил человека на войне и виню за это себя",
    "killing time",
    "I feel like I'm going to die, my heart is racing",
    "I dreamed that someone tried to kill me",
    "I can't go on the bus",
    "I want to sleep",
    "the movie was to die for",
    "how do I use the app?",
    "my back hurts",
    "deadline stress",
];

/// Questions and the topic that answers them.
const QUESTIONS: &[(&str, &str)] = &[
    ("Как справиться с тревогой?", "anxiety"),
    ("мне очень тревожно", "anxiety"),
    ("I feel so anxious", "anxiety"),
    ("I'm on edge all day", "anxiety"),
    ("Где кнопка тревоги?", "app"),
    ("Как отменить тревогу?", "app"),
    ("как добавить экстренный контакт", "app"),
    ("Хочу поговорить с живым человеком", "app"),
    ("Can I talk to a human?", "app"),
    ("where is the panic button", "app"),
    ("заземление", "grounding"),
    ("Покажи упражнение 5-4-3-2-1", "grounding"),
    ("help me ground myself", "grounding"),
    ("дыхание", "breathing"),
    ("Научи меня правильно дышать", "breathing"),
    ("breathing exercises please", "breathing"),
    ("box breathing", "breathing"),
    ("у меня флэшбэк", "flashback"),
    ("Снова вижу взрывы", "flashback"),
    ("воспоминания не отпускают", "flashback"),
    ("I'm having a flashback", "flashback"),
    ("it feels like it is happening again", "flashback"),
    ("Паническая атака!", "panic"),
    ("не могу дышать", "panic"),
    ("сердце сейчас выпрыгнет", "panic"),
    ("мне кажется, я схожу с ума", "panic"),
    ("I can't breathe", "panic"),
    ("I think I'm dying", "panic"),
    ("не могу уснуть", "sleep"),
    ("Опять приснился кошмар", "sleep"),
    ("снится война, снятся взрывы", "sleep"),
    ("nightmares every night", "sleep"),
    ("can't sleep", "sleep"),
    ("я злюсь на всех", "anger"),
    ("Меня всё бесит", "anger"),
    ("I'm so angry", "anger"),
    ("Спасибо, стало легче", "thanks"),
    ("thank you", "thanks"),
    ("Привет", "welcome"),
    ("hello", "welcome"),
    ("мне плохо", "welcome"),
    ("", "welcome"),
    ("12345 !?", "welcome"),
    // What the welcome offers.
    ("тревога", "anxiety"),
    ("паника", "panic"),
    ("флешбэк", "flashback"),
    ("злость", "anger"),
    ("как пользоваться приложением", "app"),
    ("anxiety", "anxiety"),
    ("panic", "panic"),
    ("flashback", "flashback"),
    ("anger", "anger"),
    ("breathing", "breathing"),
    ("grounding", "grounding"),
    ("how to use the app", "app"),
];

/// The set that the patterns were tuned on.
const MORE_CRIES: &str = include_str!("../../../tests/data/redteam/crisis.tsv");

fn answer(text: &str, language: Language) -> String {
    super::answer(text, language, None)
}

fn crisis_lines(text: &str, language: Language) -> Option<String> {
    super::crisis_lines(text, language, None)
}

#[test]
fn a_cry_for_help_gets_the_crisis_lines_first() {
    for cry in CRIES {
        let answer = answer(cry, Language::Ru);
        let starts = |language| answer.starts_with(&crisis::lines(None, language));
        assert!(starts(Language::Ru) || starts(Language::En), "{cry}");
    }
}

#[test]
fn every_danger_pattern_is_heard() {
    let more = MORE_CRIES
        .lines()
        .filter_map(|line| Some(line.split_once('\t')?.1));
    let cries: Vec<Words> = CRIES
        .iter()
        .copied()
        .chain(more)
        .map(|cry| Words::new(cry).without(&Patterns::new(HARMLESS)))
        .collect();
    let unheard: Vec<_> = DANGER
        .iter()
        .chain(AMBIGUOUS)
        .filter(|pattern| !cries.iter().any(|cry| cry.hold_any(&[pattern])))
        .collect();
    assert!(unheard.is_empty(), "{unheard:#?}");
}

#[test]
fn what_only_sounds_like_danger_does_not() {
    for text in NO_DANGER {
        let words = Words::new(text).without(&Patterns::new(HARMLESS));
        let all = DANGER.iter().chain(AMBIGUOUS);
        let heard: Vec<_> = all.filter(|p| words.hold_any(&[p])).collect();
        assert!(heard.is_empty(), "{text}: {heard:#?}");
        assert_eq!(crisis_lines(text, Language::Ru), None, "{text}");
    }
}

#[test]
fn questions_get_their_topic() {
    for (question, topic) in QUESTIONS {
        assert_eq!(topic_of(question).name, *topic, "{question}");
        assert_eq!(crisis_lines(question, Language::Ru), None, "{question}");
    }
}

#[test]
fn the_language_is_that_of_the_text_else_the_given_one() {
    for given in [Language::Ru, Language::En] {
        assert!(answer("паника", given).starts_with("Это очень страшно"));
        assert!(answer("panic", given).starts_with("This is very frightening"));
        assert!(answer("у меня PTSD и panic", given).starts_with("Это очень страшно"));
        assert_eq!(
            crisis_lines("не хочу жить", given),
            Some(crisis::lines(None, Language::Ru))
        );
        assert_eq!(
            crisis_lines("i want to die", given),
            Some(crisis::lines(None, Language::En))
        );
    }
    assert!(answer("5 4 3 2 1", Language::Ru).starts_with("Вернёмся"));
    assert!(answer("5 4 3 2 1", Language::En).starts_with("Let's come back"));
    assert!(answer("", Language::Ru).starts_with("Я рядом"));
    assert!(answer("…", Language::En).starts_with("I'm here"));
}

#[test]
fn every_answer_names_the_alarm_and_the_emergency_number() {
    let ru = TOPICS.iter().chain([&WELCOME]).map(|topic| topic.name);
    assert_eq!(ru.clone().count(), 10);
    for (question, _) in QUESTIONS {
        for language in [Language::Ru, Language::En] {
            let answer = answer(question, language);
            assert!(answer.contains("112"), "{question}");
            assert!(
                answer.contains("кнопку тревоги") || answer.contains("alarm button"),
                "{question}"
            );
            assert!(answer.chars().count() < 1_500, "{question}");
        }
    }
}

#[test]
fn danger_names_number_alarm_and_human() {
    let ru = answer("не хочу жить", Language::Ru);
    assert!(ru.lines().next().is_some_and(|line| line.contains("112")));
    assert!(ru.contains("кнопку тревоги") && ru.contains("живому человеку"));
    let en = answer("I want to die", Language::En);
    assert!(en.lines().next().is_some_and(|line| {
        line.contains("your local emergency number (112 in Europe, 911 in North America)")
    }));
    assert!(en.contains("alarm button") && en.contains("a human"));
}

/// A pattern in another spelling than [`Words`] makes would never match anything.
#[test]
fn patterns_are_written_as_words_are() {
    let topics = TOPICS.iter().flat_map(|topic| topic.patterns);
    let tables = [PLAIN, DANGER, AMBIGUOUS, HARMLESS, HARM, REFUSALS, GRAVE];
    for pattern in tables.into_iter().flatten().chain(topics) {
        for step in pattern.split(' ') {
            if step == ".." {
                continue;
            }
            for one in step.split('|') {
                let word = one.strip_suffix('*').unwrap_or(one);
                assert!(!word.is_empty(), "{pattern}");
                assert!(
                    word.chars()
                        .all(|c| c.is_alphanumeric() && !c.is_uppercase() && c != 'ё'),
                    "{pattern}: {one}"
                );
            }
        }
        assert!(
            !pattern.starts_with("..") && !pattern.ends_with(".."),
            "{pattern}"
        );
    }
}

#[test]
fn long_texts_are_no_trouble() {
    let text = "не ".repeat(20_000);
    assert!(answer(&text, Language::Ru).starts_with("Я рядом"));
}
