//! Words of one meaning, in both languages, so that what `sense` learns from one holds for all
//! of them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A meaning and the beginnings of words that carry it; `=` after a whole word.
const CONCEPTS: &[(&str, &str)] = &[
    (
        "death",
        "умер умир умру смерт сдох дохн подох гибел погиб покойн мертв помер помир могил похорон кладбищ гроб die= dies= died= dying= dead= death deadly grave buried bury funeral coffin corpse",
    ),
    (
        "suicide",
        "суицид самоуб повеси повеш вешат застрел отрави отравл утопи утопл удави выпили выпилю самовыпил роскомнадз вздерн suicid overdos hang= hanging= unalive kms= ctb= neck= sewerslide",
    ),
    (
        "killing",
        "уби убью убье убей зареж застрел задуш придуш прикон пореш завал прибь грохн пристрел замоч урою урою kill murder strangl stab shoot slaughter smother",
    ),
    (
        "living",
        "жить= жив живу живет живой жизн существ бытие live= lives= living= alive= life= exist existing existence",
    ),
    (
        "self",
        "себя= себе= собой= собою= сам= сама= myself= self= himself= herself= themselves= yourself=",
    ),
    (
        "me",
        "я= мне= меня= мной= мой= моя= мое= мои= моей= моего= i= im= ive= id= ill= me= my= mine=",
    ),
    (
        "he",
        "он= его= ему= ним= нем= he= hes= him= his= парень boyfriend= мужик= guy=",
    ),
    (
        "they",
        "они= их= им= всех= всем= все= they= them= theyre= everyone= everybody=",
    ),
    (
        "family",
        "муж= мужа= мужу= мужем= жена= жене= жену= женой= сын сына= сыну= дочь= дочк дочер мам папа= папе= папу= отец= отца= отцу= мать= матер брат= брата= брату= сестр дет ребен родител бабушк дедушк семь husband= wife= son= sons= daughter mom= moms= mum= mother dad= dads= father brother sister kid= kids= child children parents family grandma grandmother grandpa",
    ),
    (
        "friend",
        "друг= друга= другу= другом= подруг товарищ сослужив коллег знаком одноклас friend buddy= mate= coworker roommate classmate girlfriend= boyfriend=",
    ),
    (
        "baby",
        "младен малыш ребен груднич baby= babys= infant newborn toddler",
    ),
    (
        "want",
        "хочу= хоч хотел хочется= мечта жела want wants wanted wanna= wish desire",
    ),
    (
        "intend",
        "решил решен решус собира планир план= плана= готов= готова= задум намер сделаю= going= gonna= gona= plan= plans= planning decid ready= about=",
    ),
    (
        "not",
        "не= нет= ни= нету= нельзя= без= dont= not= no= cant= cannot= wont= never= without= isnt= didnt= nothing= нехочу= немогу=",
    ),
    (
        "end",
        "конец= конч законч прекрат прекращ оконч финал точка= выход end= ends= ended= ending= stop= stops= over= done= finish final= exit=",
    ),
    ("last", "последн прощал last= final= finally="),
    (
        "farewell",
        "прощай проща попроща прости= простите= извини goodbye bye= farewell sorry= forgive forgiv goodbyes=",
    ),
    (
        "gone",
        "исчез пропа уйд уход ушел= ушла= ушёл= нестан стан станет= стало= gone= vanish disappear leave= leaving= left=",
    ),
    (
        "sleep",
        "усн засн сплю спать= сон= сна= снотв просн просып пробуж sleep asleep wake= waking woke= bed=",
    ),
    (
        "forever",
        "навсегда= насовсем= совсем= вечн никогда= больше= forever= permanent eternal anymore= again= ever=",
    ),
    (
        "burden",
        "обуз лишн груз балласт помех тягость бремя мешаю= мешаю burden deadweight= waste= worthless useless бесполез ненужн недосто",
    ),
    (
        "better",
        "лучше= легче= спокойн проще= better= happier easier= relieved relief свобод освобо",
    ),
    (
        "future",
        "завтра= будущ утро= утра= следующ весн лет= зим осен год= года= месяц tomorrow= future= next= morning= year= month= summer winter spring christmas birthday",
    ),
    (
        "tonight",
        "сегодня= сейчас= вечером= ночью= ночь= tonight= today= now= night=",
    ),
    (
        "pills",
        "таблет снотвор лекарств препарат феназ димедр транквил антидепр блистер аптечк упаковк пачк доз инсулин pill= pills= tablet meds= med= medication medicine prescription dose doses= insulin sertraline zoloft benzos= xanax ambien tylenol paracetamol cabinet=",
    ),
    (
        "amount",
        "все= всю= горсть= горст пачк много= сколько= весь= коплю= накоп копл whole= all= bottle= handful= many= much= count saved= saving= stockpil stash",
    ),
    (
        "blade",
        "нож= ножа= ножом= ножи= лезви бритв топор стекл вены= вену= запяст порез реж резан полосо knife knives= blade razor axe= cut= cuts= cutting= slit= slash wrist vein scissors",
    ),
    (
        "gun",
        "пистол ружь ствол= ствола= автомат= патрон оруж пул винтовк обойм gun= guns= pistol rifle shotgun bullet trigger= weapon ammo holster",
    ),
    (
        "rope",
        "верев петл люстр крюк балк ремень= ремн rope= noose= belt= hook= beam=",
    ),
    (
        "height",
        "крыш балкон окн окно= подоконник мост= моста= мосту= этаж обрыв высот перил roof rooftop ledge balcony bridge window cliff overpass railing",
    ),
    (
        "traffic",
        "поезд рельс путях= электрич платформ метро= встречк отбойник грузовик train tracks= platform= truck= bus= traffic= lane= rail",
    ),
    (
        "jump",
        "прыг спрыг выпрыг сброс брос шагн шаг= кину jump leap fall= step= push=",
    ),
    (
        "water",
        "вод рек топ утон море= ванн прорубь drown water river sea= ocean bath= lake",
    ),
    (
        "hit",
        "бь бье бит избив избил удар ударил побил пинал швыр шлеп hit= hits= hitting beat beats beating punch slap kick= slam thrown= threw= choke choked= choking hurts= hurt= hurting shake= shaking=",
    ),
    ("blood", "кров blood bleed"),
    (
        "threat",
        "угрож угроз грозит грозил обещал= боюсь= страшно= опасн threat scared= afraid= danger unsafe= safe=",
    ),
    (
        "danger",
        "запер заперл закры ломит ломают= преслед следит караул подкараул следом= шантаж locked= breaking= follow stalk trapped blackmail chasing",
    ),
    (
        "assault",
        "насил изнасил трога лапа домог раздев приста rape raped= molest touches= touched= touching= groped undress assault abus forced=",
    ),
    (
        "give",
        "отда отдал разда раздал подар завещ перепис give= gave= giving= given= away= rehom bequeath will=",
    ),
    (
        "belongings",
        "вещи= вещей= собак= собаку= кошк кота= кот= инструмент книги= документ пароли= ключи= квартир страховк things= stuff= dog= cat= guitar= belongings keys= papers= passwords= insurance ring= records=",
    ),
    (
        "letter",
        "записк письм письмо= note= notes= letter letters=",
    ),
    (
        "notice",
        "заметит заметят вспомн хватится искать= ищите= найд notice miss= find= found= remember search look=",
    ),
    (
        "pointless",
        "смысл незачем= зачем= толк бессмысл безнад point= pointless meaning reason hopeless purpose why=",
    ),
    (
        "tired",
        "устал устала надоел заеб задолб осточ вымот исто tired sick= exhaust done= fedup= worn=",
    ),
    (
        "bear",
        "терп выдерж выдерж вывож вывезу держусь= могу= сил= сила= силы= бороться= cope bear= anymore= strength fight fighting keep= stand=",
    ),
    (
        "pain",
        "боль= боли= больно= мук мучен мучи pain hurt= hurts= suffer agony",
    ),
    (
        "guilt",
        "вин вина= виноват заслуж стыд guilt blame fault deserve shame",
    ),
    (
        "join",
        "встреч увид увижу= жди= ждет= ждут= ними= нему= ней= join= meet= together= waiting=",
    ),
    (
        "heaven",
        "небес небо= неб рай= рая= бог бога= господ тот= свет heaven god= lord= afterlife angel",
    ),
    ("voices", "голос голоса= велят приказ voice voices="),
    (
        "revenge",
        "отомщ мст месть ответит= пожале revenge pay= payback regret suffer=",
    ),
    (
        "place",
        "школ работ офис подъезд военкомат вокзал school= work= office= class= house= place=",
    ),
    (
        "dream",
        "сни снил приснил кошмар сон= сне= dream dreams= dreamt= dreamed nightmare",
    ),
    (
        "past",
        "раньше= назад= когдато= прошл детств давно= ago= used= years= past= childhood= lastyear=",
    ),
    (
        "therapy",
        "терап психолог психиатр врач доктор сеанс группе= сесси therap psych doctor counsel session group= chaplain neurolog",
    ),
    (
        "fiction",
        "фильм кино= сериал книг роман= роман герой игр персонаж детектив песн спектакл рассказ= сцен аним film movie series= show= book novel character game documentary scene song lyrics poem podcast",
    ),
    ("laugh", "смех смешн хохот шут lol= haha laugh joke funny"),
    (
        "help",
        "помог спасибо= помощь= благодар help helped= helps= thanks= thank= grateful",
    ),
    (
        "food",
        "есть= еда= ужин обед завтрак борщ кофе= чай= торт пицц хлеб eat food dinner lunch breakfast coffee tea= cake pizza cook",
    ),
    (
        "work",
        "работ отчет начальник увол собесед зарплат зарплат job= boss= work= interview report meeting salary office=",
    ),
    (
        "panic",
        "паник тревог тревож приступ триггер флешб накры сердц дыш дыхан panic anxi trigger flashback breath heart= chest=",
    ),
    (
        "question",
        "как= что= какие= какой= можно= почему= сколько= где= когда= how= what= can= why= where= when= which= does=",
    ),
    (
        "app",
        "приложен кнопк парол аккаунт контакт уведомл app= button password account contact notification alarm=",
    ),
    (
        "war",
        "войн воевал фронт взрыв обстрел рот= роты= командир плен окоп war= combat deploy unit= platoon blast bomb ambush veteran tour tours=",
    ),
    (
        "grief",
        "похорон скуч гор годовщин утрат потер умерла= умер= passed= grief griev funeral anniversary miscarriage lost=",
    ),
    (
        "proud",
        "горжусь рад рада= получил справ впервые= proud glad= happy progress better= managed",
    ),
    (
        "calm",
        "спокойн покой покоя= тишин мир peace= calm quiet silence rest=",
    ),
    ("born", "родил рожд born= birth"),
    (
        "study",
        "исследов статист курсов= курсовую= диплом доклад реферат сочинен эссе лекци экзамен опрос анкет термин учебник диссерт research statist essay paper thesis study studies studying lecture exam quiz course class homework source sources questionnaire",
    ),
    (
        "prevention",
        "профилакт предотвращ волонт доверия= плакат памятк prevent hotline helpline lifeline charity awareness volunteer training workshop poster leaflet",
    ),
    (
        "news",
        "новост ленте= лента= сюжет репортаж стать газет радио= телевиз телек news headline article newspaper reported interviewed comments",
    ),
    (
        "public",
        "актер актрис певец певиц блогер мужчин девочк школьник подрост солдат ветеран студент людей= люди= сосед singer actor celebrity streamer man= woman= teen soldier veteran people= someone= neighbo student",
    ),
    (
        "carework",
        "пациент клиент подопечн смен дежур скорой= медсестр медик фельдшер реанимац реанимат мчс= пожарн полицейск следовател учител ученик супервиз patient client shift nurse medic paramedic ward= cop= firefighter caller supervisor teacher student clinic counselor",
    ),
    (
        "long ago",
        "назад= когдато= тогда= юност молодост студенч подростков давно= ago= teenager decade college= back= then= once= young= twenties=",
    ),
    (
        "again",
        "снова= опять= вернул возвращ сорвал повтор again= relaps returned= backsl rerun",
    ),
    (
        "well now",
        "отпустил счастлив рада= рад= благодар горжусь выжил= выжила= прожит вылеч помогла= радуюсь grateful glad thankful survived survivor clean= recovered happy= proud",
    ),
    (
        "concealing",
        "соврал наврал обман скрыва прячу прячет спрята притвор lied= lying= hiding= hide= hid= secret pretend nobody=",
    ),
    (
        "earnest",
        "серьезно= всерьез= понастоящему= настоящему= правда= буквально= образно= literally= seriously= serious= really= mean= actually=",
    ),
    (
        "jest",
        "шучу= шутк ахах хаха хах ржу= lol= lmao haha kidding jk= joking",
    ),
    (
        "likewise",
        "тоже= также= следом= следующий= следующая= очередь= завидую= too= same= next= follow following jealous envy copy= either=",
    ),
    (
        "asking",
        "спрашива интересу узнать= теоретич гипотетич риторич asking= asks= curious hypothet theoret wonder",
    ),
    (
        "way",
        "способ метод наверняка= точно= хватит= высот дозировк way= method surest enough= lethal fatal height= works=",
    ),
    (
        "date",
        "пятниц суббот воскресень понедельник четверг вторник сред= дату= дата= даты= friday saturday sunday monday weekend date=",
    ),
    (
        "chosen",
        "выбрал выбираю назнач подготов готово= продуман обдуман взвешен осталось= chose picked chosen ready= prepared set= thought=",
    ),
];

/// The beginnings by their first letters.
static BY_LETTER: LazyLock<HashMap<char, Vec<(&str, u32)>>> = LazyLock::new(|| {
    let mut by_letter: HashMap<char, Vec<(&str, u32)>> = HashMap::new();
    for (number, (_, beginnings)) in (1..).zip(CONCEPTS) {
        for beginning in beginnings.split(' ') {
            if let Some(letter) = beginning.chars().next() {
                by_letter
                    .entry(letter)
                    .or_default()
                    .push((beginning, number));
            }
        }
    }
    by_letter
});

/// The numbers of the meanings that a word carries, from 1 on, each once.
pub(super) fn of(word: &str) -> Vec<u32> {
    let mut carried: Vec<u32> = word
        .chars()
        .next()
        .and_then(|letter| BY_LETTER.get(&letter))
        .into_iter()
        .flatten()
        .filter(|(beginning, _)| match beginning.strip_suffix('=') {
            Some(whole) => word == whole,
            None => word.starts_with(beginning),
        })
        .map(|(_, number)| *number)
        .collect();
    // They are in order already.
    carried.dedup();
    carried
}
