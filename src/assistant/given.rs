//! Names that people have and towns they live in, in every Russian case.
//!
//! Lists can't be whole; they are for what is typed in small letters or begins a sentence, where
//! nothing else tells a name from a word ([`super::guess`] does for the rest).

use std::collections::HashMap;
use std::sync::LazyLock;

use super::names::SHORT_FORMS;

/// Given names that [`SHORT_FORMS`] has not.
const GIVEN: &str = "\
вера верка любовь люся люська тося дуся муся зинка виталя витька славка димон аделина азат айгуль айдар айнур алевтина алина алиса алла альберт альбина альбинка алсу амина \
амир ангелина анжела анжелика антонина анфиса арина аркадий арсен арсений артем артемий артур \
аслан ахмед ашот богдан богдана бэлла вадим вадик валентин валериан валерия варвара варя василиса \
венера вениамин вероника вероничка виолетта влада владислава всеволод вячеслав гавриил генка \
геннадий герман гена глаша глафира глеб гульнара гуля давид дамир дана данила даниил данил данияр \
даня демид демьян диана дина динара доминика ева евгеша егор егорка елизар ерофей есения жанна \
захар зарина зинаида зина зоя иванка игнат илона ильдар ильнур ильшат илюша илья инга инесса инна \
иннокентий иосиф ипполит камилла карина кирилл кира клавдия клим кристина кузьма лада лариса лара \
лева леночка леон леонид леня лера лидия лида лиля лиана лолита луиза лукерья любаша людмилка \
магомед мадина майя макар максимка маргоша марат марианна марина маринка марк мартын мирон мирослав \
мирослава мишаня мурат мурад муслим назар наина наиля нана настена наталка наташка нелли нестор \
никита никитка никифор никодим нина нинель нонна оксана оксанка олеся олеся остап памела пелагея \
платон полина полинка прохор равиль раиса ральф рамазан рамиль ратмир рашид ренат рената римма \
ринат родион розалия роза ростислав руслан руслана рустам сабина савелий саида салават самир самвел \
святослав севастьян семен сема серафим серафима снежана соломон стелла стефания степан степа \
сулейман сусанна таисия тамара тамерлан тарас тигран тимофей тимоша тимур тихон трофим ульяна \
устинья фаина фарид фатима фекла феликс филипп филя фома хасан харитон эвелина эдик эдуард элеонора \
элина эльвира эльдар эльза эмилия эмиль эмма эрик эрнест юлиан юлианна юлиана юлька юлиана яков яна \
янка яна ярослава яша софа сонечка танечка танька светка светочка ленка ирка иришка наташенька \
машка машуня дашка дашенька катька катенька катюха анька анюта олька ольгa людка надюша верочка \
сашенька сашуля ванечка колька петька васька вовочка димочка дениска стасик толик толян юрка юрик \
женечка лешенька сереженька серый кирюша никитос рустик тимурка тёма тёмка ксюха ксюшка полинка";

/// Family names that are common; each is declined for men and for women.
const FAMILY: &str = "\
иванов смирнов кузнецов попов васильев петров соколов михайлов новиков федоров морозов волков \
алексеев лебедев семенов егоров павлов козлов степанов николаев орлов андреев макаров никитин \
захаров зайцев соловьев борисов яковлев григорьев романов воробьев сергеев кузьмин фролов \
александров дмитриев королев гусев киселев ильин максимов сорокин виноградов ковалев белов медведев \
антонов тарасов баранов филиппов давыдов беляев герасимов богданов осипов сидоров матвеев титов \
марков миронов крылов куликов карпов власов мельников денисов гаврилов тихонов казаков афанасьев \
данилов савельев тимофеев фомин чернов абрамов мартынов ефимов федотов щербаков назаров калинин \
исаев чернышев быков маслов родионов коновалов лазарев воронин климов филатов голубев кудрявцев \
прохоров наумов потапов журавлев овчинников трофимов леонов соболев ермаков колесников гончаров \
емельянов никифоров грачев котов гришин ефремов архипов громов кириллов малышев моисеев румянцев \
акимов кондратьев бирюков горбунов анисимов еремин тихомиров галкин лукьянов михеев скворцов юдин \
белоусов нестеров симонов прокофьев харитонов князев цветков митрофанов воронов аксенов мальцев \
логинов горшков савин краснов майоров демидов елисеев рыбаков сафонов плотников хохлов фадеев \
молчанов игнатов литвинов ершов ушаков дементьев рябов мухин калашников леонтьев лобанов корнеев \
евдокимов бородин платонов некрасов балашов бобров жданов блинов коротков муравьев крюков беляков \
богомолов дроздов лавров зуев никулин терентьев зотов устинов фокин самойлов константинов сахаров \
шишкин самсонов черкасов чистяков спиридонов карасев авдеев воронцов зверев селезнев нечаев \
кудряшов фирсов панфилов головин терехов ульянов шестаков гордеев пахомов сазонов суворов корнилов \
горбачев копылов токарев большаков шаповалов третьяков бондарев поздняков путин";

/// Given names and towns in Latin letters that are no everyday words.
const LATIN: &str = "\
aaron abigail adam adrian agnes ahmed alan albert alex alexander alexandra alexei alexey alice alicia \
alison allison alyssa amanda amelia amy anastasia andrea andrei andrew andrey angela anna anne annie \
anthony anton antonio arthur ashley barbara becky benjamin bernard beth betty brandon brenda brian \
bryan caitlin cameron carl carlos caroline catherine charles charlie charlotte chloe chris christine \
christopher cindy claire clara claudia colin connor craig cynthia dan daniel danielle danny darren \
dave david deborah debbie denise dennis derek diana diane dmitri dmitry donald donna dorothy doug \
douglas dylan ed eddie edward egor eileen ekaterina elaine elena eleanor eli elijah elizabeth ella \
ellen emily emma eric erica erik erin ethan eugene eva evan evelyn evgeny fiona fred gabriel gary \
george gerald gina gloria gordon graham greg gregory hannah harold heather hector helen henry howard \
hugo ian igor irina isaac isabel isabella isla ivan jacob jake james jamie jane janet janice jason \
javier jeff jeffrey jennifer jenny jeremy jerry jesse jessica jessie jill jim joan joanna joe joel \
john johnny jon jonathan jordan jose joseph josh joshua joyce juan judith judy julia julian julie \
justin karen karl kate katherine kathleen kathy katie keith kelly ken kenneth kevin kim kimberly \
kirill kristen kristin kyle larry laura lauren laurie leah lena leo leonard leslie liam linda lisa \
liz logan louis louise lucas lucy luis luke lydia maggie manuel marcus margaret maria marie marina \
marilyn martha martin marvin mary maryam masha matt matthew maureen megan melanie melissa michael \
michelle miguel mike mikhail mohammed molly monica muhammad nancy naomi natalie natasha nathan \
nathaniel neil nicholas nicole nikita nikolai nina noah nora norman olga oliver olivia oleg omar oscar \
owen pamela patricia patrick paul pavel pedro peter phil philip phillip phyllis polina rachel ralph \
ramon raymond rebecca ricardo richard rita roberto robert roger ronald rosemary roy russell ruth ryan \
sally sam samantha samuel sandra sara sarah sasha scott sean sebastian sergei sergey sharon shaun \
sheila shirley simon sofia sonia sophia sophie stacey stanley stephanie stephen steve steven stuart \
susan svetlana sylvia tanya tara tatiana ted teresa terry theresa thomas tiffany tim timothy tina tom \
tommy tony tracy travis trevor tyler vadim valentina valerie vanessa veronica vicky victoria vincent \
virginia vitaly vladimir walter wanda wayne wendy wesley william xavier yana yulia yuri zachary zoe \
smith johnson williams jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson \
anderson taylor moore jackson thompson harris robinson clark lewis allen wright nguyen torres \
ivanov ivanova petrov petrova smirnov smirnova kuznetsov kuznetsova sidorov sidorova";

/// Towns, as they are when nobody looks at their case.
const TOWNS: &str = "\
москва петербург питер спб мск новосибирск екатеринбург казань новгород челябинск самара омск ростов \
уфа красноярск воронеж пермь волгоград краснодар саратов тюмень тольятти ижевск барнаул иркутск \
ульяновск хабаровск ярославль владивосток махачкала томск оренбург кемерово новокузнецк рязань \
астрахань пенза липецк балашиха чебоксары калининград тула курск ставрополь сочи тверь магнитогорск \
иваново брянск белгород сургут владикавказ нижневартовск чита архангельск калуга смоленск якутск \
волжский череповец саранск курган вологда орел мурманск грозный тамбов стерлитамак йошкар петрозаводск \
кострома нижнекамск новороссийск таганрог комсомольск сыктывкар нальчик дзержинск братск орск ангарск \
энгельс благовещенск королев псков бийск прокопьевск южно рыбинск балаково северодвинск армавир \
подольск мытищи люберцы химки сызрань каменск норильск златоуст волгодонск абакан уссурийск новочеркасск \
электросталь находка невинномысск майкоп кисловодск пятигорск ессентуки дербент хасавюрт элиста \
севастополь симферополь керчь ялта евпатория феодосия донецк луганск мариуполь херсон запорожье \
бердянск мелитополь бахмут горловка макеевка авдеевка киев харьков одесса днепр львов николаев \
винница полтава чернигов сумы житомир минск гомель витебск гродно брест могилев алматы астана караганда \
шымкент ташкент самарканд бишкек душанбе баку ереван тбилиси батуми кишинев рига вильнюс таллин \
чечня дагестан ингушетия донбасс крым кабул афганистан афган сирия алеппо пальмира карабах абхазия \
осетия цхинвал приднестровье чернобыль беслан лондон париж берлин варшава прага стамбул анталья \
бангкок дубай тель-авив иерусалим хайфа торонто чикаго бостон";

/// The same in Latin letters.
const LATIN_TOWNS: &str = "\
moscow petersburg petersburgh kyiv kiev kharkiv odessa minsk london manchester birmingham liverpool \
leeds glasgow edinburgh cardiff belfast dublin paris berlin munich hamburg madrid barcelona rome milan \
vienna prague warsaw budapest athens istanbul toronto vancouver montreal ottawa calgary sydney \
melbourne brisbane chicago houston philadelphia dallas seattle boston detroit atlanta denver baltimore \
milwaukee portland memphis nashville brooklyn manhattan queens afghanistan kabul kandahar helmand \
iraq baghdad fallujah mosul syria aleppo chechnya donbas donetsk mariupol bakhmut texas california \
florida ohio pennsylvania illinois michigan arizona nevada oregon";

/// Forms of names and towns that are everyday words when they are small.
const EVERYDAY: &str = "\
вера веры вере веру верой надежда надежды надежде надежду надеждой любовь любви любовью любови \
верка муся людей люди света светы свете свету светой слава славы славе славу славой роман романа \
роману романом романе лев рома рая рай раю мила милы миле милу милой май мая мае марка марки \
марке марку жене жена жены жену женой кости костя костей костю костями вали толи толя коли колю \
тони тоню гены генов геном дана даны дано мира мире миры миру ада аду аде роза розы розе розу \
розой лада лады ладу ладе сани сон сна сны сне сном над любой любого любому любую любая любые \
лень левый левая левое левой лева петь дашь машу пашу пашет орел орла орлы орлу орлом днепр \
находка находки находке находку курган кургана курган брест волжский грозный южно сумы сума суму \
сумой каменск белый ал але али серый серого серому серая тим ада марк варя варю варить варе \
орлов волков соколов котов быков бобров комаров баранов карпов дроздов морозов громов казаков \
плотников рыбаков столяров мельников волка попов гончаров скворцов хохлов орлы майоров токарев \
зубов сему дань мишка мишки мишке мишку мишкой вики вике римом семой филе";

/// Who or what a word names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A person, by this name.
    Person(&'static str),
    /// A place, by this name.
    Place(&'static str),
}

struct Lists {
    forms: HashMap<String, Named>,
    everyday: HashMap<&'static str, ()>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let mut forms = HashMap::new();
    let mut add = |form: String, named: Named| {
        forms.entry(form).or_insert(named);
    };
    let short = SHORT_FORMS
        .iter()
        .flat_map(|(full, short)| short.iter().chain([full]).copied());
    for name in short.chain(GIVEN.split_whitespace()) {
        for form in declined(name) {
            add(form, Named::Person(name));
        }
    }
    for name in FAMILY.split_whitespace() {
        for ending in ["", "а", "у", "ым", "е", "ой", "ы", "ых", "ыми"] {
            add(format!("{name}{ending}"), Named::Person(name));
        }
    }
    for name in LATIN.split_whitespace() {
        add(name.to_owned(), Named::Person(name));
    }
    for town in TOWNS.split_whitespace() {
        for form in declined(town) {
            add(form, Named::Place(town));
        }
    }
    for town in LATIN_TOWNS.split_whitespace() {
        add(town.to_owned(), Named::Place(town));
    }
    Lists {
        forms,
        everyday: EVERYDAY.split_whitespace().map(|word| (word, ())).collect(),
    }
});

/// What a folded word names, whatever else it may mean.
pub(super) fn named(word: &str) -> Option<Named> {
    LISTS.forms.get(word).copied()
}

/// Whether a folded word means something else as often as it is a name.
pub(super) fn is_everyday(word: &str) -> bool {
    LISTS.everyday.contains_key(word)
}

/// The cases of a Russian name.
pub(super) fn declined(name: &str) -> Vec<String> {
    let cut = |letters: usize| -> String {
        let kept = name.chars().count().saturating_sub(letters);
        name.chars().take(kept).collect()
    };
    let with = |stem: &str, endings: &[&str]| -> Vec<String> {
        endings.iter().map(|end| format!("{stem}{end}")).collect()
    };
    match name {
        "павел" => return with("пав", &["ел", "ла", "лу", "лом", "ле"]),
        "лев" => return with("л", &["ев", "ьва", "ьву", "ьвом", "ьве"]),
        "орел" => return with("ор", &["ел", "ла", "лу", "лом", "ле"]),
        _ => {}
    }
    let mut letters = name.chars().rev();
    match (letters.next(), letters.next()) {
        (Some('я'), Some('и')) => with(&cut(1), &["я", "и", "ю", "ей", "ею"]),
        (Some('я'), _) => with(&cut(1), &["я", "и", "е", "ю", "ей", "ею"]),
        (Some('а'), Some('ж' | 'ш' | 'ч' | 'щ' | 'ц')) => {
            with(&cut(1), &["а", "и", "е", "у", "ей", "ой"])
        }
        (Some('а'), Some('г' | 'к' | 'х')) => with(&cut(1), &["а", "и", "е", "у", "ой", "ою"]),
        (Some('а'), _) => with(&cut(1), &["а", "ы", "е", "у", "ой", "ою"]),
        (Some('й'), _) => with(&cut(1), &["й", "я", "ю", "ем", "е", "и"]),
        (Some('ь'), _) => with(&cut(1), &["ь", "я", "ю", "ем", "е", "и", "ью"]),
        (Some('ы' | 'и'), _) => with(&cut(1), &["ы", "и", "", "ам", "ами", "ах"]),
        (Some('о' | 'е' | 'у' | 'ю' | 'э'), _) => with(&cut(1), &["о", "е", "у", "а", "ом"]),
        _ => with(name, &["", "а", "у", "ом", "ем", "е"]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Named, is_everyday, named};

    #[test]
    fn names_and_towns_are_known_in_every_case() {
        for (name, forms) in [
            ("наташа", "наташа наташи наташе наташу наташей"),
            ("дмитрий", "дмитрий дмитрия дмитрию дмитрием"),
            ("кузнецов", "кузнецова кузнецову кузнецовым кузнецовой"),
            ("руслан", "руслан руслана руслану русланом руслане"),
        ] {
            for form in forms.split(' ') {
                assert_eq!(named(form), Some(Named::Person(name)), "{form}");
            }
        }
        for form in "саратов саратова саратову саратовом саратове казани казанью туле".split(' ')
        {
            assert!(matches!(named(form), Some(Named::Place(_))), "{form}");
        }
        for word in ["дом", "страх", "мне", "снова", "голова", "the", "will"]
        {
            assert_eq!(named(word), None, "{word}");
        }
        for word in ["надежда", "света", "сон", "жена"] {
            assert!(is_everyday(word), "{word}");
        }
    }
}
