//! What counts as danger, and what to say then.
//!
//! These patterns are broader than those of the topics. Crisis lines that weren't needed cost
//! a moment; missing ones may cost a life. So "I was hit" long ago counts as well, and the
//! lines speak of danger conditionally. Friends in danger count like the person.

/// Sayings and dreams that sound like danger and are none. Kept few and narrow: every one of
/// them can hide a real cry for help.
pub(super) const HARMLESS: &[&str] = &[
    "убить|убиваю|убивать|убиваем|убил|убила|убью|убивает .. время|времени",
    "бьет|била|бил|бьют дрожь|озноб|тревогу",
    "дрожь|озноб .. бьет|била|бил|бьют",
    "убивает|убивают чувство|вина|тоска|скука|мысль|мысли|одиночество|тишина|это",
    "снится|снилось|снились|снятся|приснилось|приснился .. убивает|убивают|убить|убил|убила|убили|бьет|бьют|избивают|душат|душит|насилуют|зарежут",
    "kill|kills|killed|killing .. time",
    "dream|dreams|dreamed|dreamt|dreaming|nightmare|nightmares .. kill|kills|killed|killing|hurt|hurting|stab|stabbed|shoot .. me|us|him|her|them|people|someone|my",
    "dream|dreams|dreamed|dreamt|dreaming|nightmare|nightmares .. chasing|following me|us",
    "go on the|a|public|my|buses|trains|dates|walks|holiday",
];

/// Danger to life or safety, in both languages: people mix them.
pub(super) const DANGER: &[&str] = &[
    // Wanting to die.
    "хочу|хочется|хотел|хотела|хотелось|захотел*|пора|готов|готова|решил|решила|собираюсь|мечтаю|планирую|лучше|легче|скорее|скорей .. умереть|сдохнуть|здохнуть|подохнуть|помереть|исчезнуть",
    "умереть|сдохнуть|здохнуть|подохнуть|помереть|исчезнуть .. хочу|хочется|хотел|хотела|хотелось|готов|готова",
    "хочу|хочется смерти",
    "лучше|скорее|скорей .. смерть",
    "лучше .. умер|умерла|умру|сдох|сдохла|сдохну|погиб|погибла|убили",
    "лучше|жаль|зачем .. не родился|родилась|рождался|рождалась|выжил|выжила",
    "зачем .. выжил|выжила|родился|родилась",
    "думаю|думал|думала|мысль|мысли|мыслей|мыслями .. смерти|умереть",
    "уйти|ухожу|уйду из .. жизни",
    "не хочу|хочется|хотел|хотела|хотелось .. проснуться|просыпаться",
    "уснуть|заснуть|больше .. не проснуться|просыпаться|проснусь",
    "уснуть|заснуть навсегда",
    "предсмертн*",
    "прощальная|прощальную|прощальное|последнее|последняя записка|записку|письмо|сообщение",
    "прощайте все|навсегда",
    "прощай|прощайте .. жизнь|мир",
    "без меня .. лучше|легче|проще",
    "лучше|легче|проще .. без меня",
    "хочу|хочется|хотел|хотела .. все .. закончить|прекратить|закончилось|прекратилось|кончилось",
    "хочу|хочется|пора|решил|решила .. закончить|прекратить все",
    "want|wanna|wanted|wants|wish|wishing|ready|rather|hope|planning|decided|deserve|should .. die|dead|died|dying",
    "want|wanna|wanted|wish|wishing .. disappear|vanish",
    "sleep forever",
    "better .. dead|die|died",
    "better .. without me",
    "thinking|think|thoughts|thought about|of .. death|dying|suicide|killing",
    "wish|wished .. never been born",
    "wish|wished .. not|wasnt|werent|didnt .. alive|exist|born|here|wake",
    "never|not|dont .. wake up",
    "goodbye|farewell everyone|forever|world|cruel",
    "kms|kys|unalive*",
    // Not wanting to live.
    "не|нет|больше .. хочу|хочется|могу|хотел|хотела|хотелось|буду|сил|желания|смысла .. жить",
    "нехочу|нехочется|незачем|надоело|надоела|осточертело|устал|устала .. жить",
    "жить .. не|нет .. хочу|хочется|могу|хотел|хотела|буду|смысла|сил|желания|для",
    "жить .. нехочу|нехочется|незачем|надоело|устал|устала",
    "нет|не|потерял|потеряла|никакого .. смысл|смысла .. жизни",
    "жизнь|жизни .. нет|не|потеряла|без .. смысл|смысла",
    "жизнь .. кончена|закончена|бессмысленна|невыносима",
    "не .. хочу|хочется .. существовать",
    "dont|not|never|cant|longer .. want|wanna|wish .. live|living|alive|exist",
    "dont|not|longer .. want|wanna .. be here",
    "cant|cannot|not go on",
    "cant|cannot|not .. keep living|going",
    "cant|cannot .. do this anymore",
    "cant|cannot live",
    "no|any|without .. reason|point|sense .. live|living|life",
    "nothing .. live for",
    "not|isnt|nothing .. worth living",
    "no|lost|losing .. will to live",
    "tired|sick|done .. of|with living|life",
    "tired|sick .. being alive",
    "life .. not|isnt|no .. worth|meaning|point",
    // Suicide by name.
    "суицид*|самоуби*|самовыпил*|роскомнадзорн*|suicid*",
    "покончить|покончу|покончил|покончила|покончит .. собой|собою|жизнью",
    "собой|жизнью .. покончить|покончу|покончил|покончила|покончит",
    "сведу|свести|свожу|сводить .. счеты",
    "выпилиться|выпилюсь|вздернуться|вздернусь",
    "убить|убью|убивать|убиваю|убил|убила|убьет|зарезать|зарежу|застрелить|застрелю|задушить|отравить|отравлю|повесить|сжечь|угробить|угроблю себя",
    "убить|убью|зарезать|застрелить|отравить сам|сама|сейчас|просто|уже|и себя",
    "себя убить|убью|убивать|убил|убила|убьет|зарезать|застрелить|отравить|сжечь",
    "себя хочу|хочется|могу|просто убить|зарезать|застрелить|порезать",
    "убиться|убьюсь|повеситься|повешусь|повесится|повесился|повесилась|вешаться|удавиться|удавлюсь|утопиться|утоплюсь|застрелиться|застрелюсь|застрелился|отравиться|отравлюсь|травиться|зарезаться|зарежусь",
    "в петлю",
    "пулю|пуля|пистолет|ружье|ствол|автомат .. лоб|висок|виску|голову|голове|рот",
    "kill|kills|killed|killing|hang|hanging|drown|drowning|shoot|shooting|stab|poison|poisoning|suffocate|strangle|starve|starving myself|himself|herself|themselves|themself|yourself",
    "end|ends|ended|ending|take|taking|took my|his|her|their life",
    "end|ending|take|taking|took .. own life",
    "end|ending it all|tonight|now|today|forever",
    "want|wanna|going|ready .. end it|everything",
    "gun|pistol|rifle|knife|blade|razor .. my .. head|mouth|temple|throat|wrist|wrists|heart",
    "noose",
    // Hurting oneself.
    "порезать|порежу|резать|режу|порезал|порезала|изрезал|изрезала|режет|поранить|пораню|ранить|раню|обжечь|прижигаю|бью|ударить|изуродовать|искалечить|калечу себя|себе",
    "порезать|порежу|резать|режу|порезал|порезала|изрезал|изрезала|вскрыть|вскрою|вскрыл|вскрыла|перерезать|перережу .. вены|вену|запястье|запястья|горло",
    "себя|себе .. порезать|порежу|резать|режу|порезал|порезала|поранить|пораню|прижигаю|искалечить|калечу",
    "порезать|порежу|резать|режу|изрезал|изрезала .. руки|руку|ноги|ногу|бедра|кожу",
    "самоповрежд*|селфхарм*|самопорез*",
    "причин*|нанести|нанесу|наношу|сделать|сделаю|делаю .. себе .. вред|больно|боль|раны|плохо|травму",
    "навредить|наврежу|врежу|вредить|навредит|вред .. себе",
    "себе .. навредить|наврежу|вредить|вред|больно|боль",
    "сделаю|сделать|сотворю|сделает .. с собой",
    "с собой .. сделаю|сделать|сотворю|сделает",
    "hurt|hurting|harm|harming|cut|cutting|cuts|burn|burning|injure|injuring|punish myself|himself|herself|themselves|yourself",
    "hurt|harm|cut|kill my self",
    "self harm*|injur*|hurt|mutilat*",
    "selfharm*",
    "slit|slitting|cut|cutting|slash .. wrists|wrist|throat|veins",
    // Pills, heights, trains.
    "наглотаться|наглотаюсь|наглотался|наглоталась|передоз*|overdos*",
    "выпить|выпью|выпил|выпила|принять|приму|принял|приняла|проглотить|проглотил|проглотила|съесть|съел|съела .. все|всю|пачку|упаковку|горсть|кучу|много .. таблетки|таблеток|снотворное|снотворного|лекарства|лекарств|препарат*|пачку|упаковку",
    "прыгнуть|прыгну|спрыгнуть|спрыгну|выпрыгнуть|выпрыгну|сброситься|сброшусь|выброситься|выброшусь|броситься|брошусь|шагнуть|шагну .. окно|окна|крыши|моста|мост|балкона|этажа|пропасть|обрыва|скалы",
    "выйти|выйду в|из окно|окна",
    "лечь|лягу|броситься|брошусь|кинуться|кинусь|шагнуть|шагну|прыгнуть|прыгну .. под|на .. поезд|электричку|метро|машину|трамвай|рельсы",
    "стою|стоит .. краю|крыше|мосту|подоконнике|перилах",
    "сижу|сидит .. крыше|подоконнике|перилах",
    "took|take|taking|swallow* .. all|whole|bottle|many|handful|lot|pack .. pills|tablets|medication|meds",
    "jump|jumping|jumped .. bridge|roof|window|train|building|balcony|cliff|tracks",
    "standing|sitting .. ledge|bridge|roof",
    // Violence by others.
    "меня|нас|мне|нам|его|ее|их|маму|мать|ребенка|детей|сына|дочь|сестру|брата|жену|бабушку|подругу|соседку .. бьет|бьют|избил|избила|избили|избивает|избивают|душит|душил|душат|убивает|убивают|убьет|убьют|убить|зарежет|зарезать|насилует|насилуют|насиловал|насиловали|ударил|ударила|побил|побили|похити*",
    "бьет|бьют|избил|избили|избила|избивает|избивают|душит|душил|убивает|убивают|убьет|убьют|зарежет|насилует|насиловал|ударил|ударила|побил|побили .. меня|нас|маму|мать|ребенка|детей|сына|дочь|сестру|брата|жену|бабушку|подругу",
    "муж|отец|папа|отчим|парень|сожитель|брат|сын|мать|мама|жена|сосед|бывший|он|она|они .. бьет|бьют|избивает|избивают|избил|избила|избили|душит|душил|насилует|насиловал",
    "муж|отец|отчим|парень|сожитель|бывший|он .. поднимает|поднял .. руку",
    "изнасил*|насилие|насилия|насилию",
    "угрожа*|грозится|грозит|грозил .. убить|убьет|убьют|ножом|оружием|пистолетом|расправ*|мне|нам",
    "мне|нам .. угрожа*",
    "в опасности",
    "в большой|смертельной|серьезной опасности",
    "ломится|ломятся|выламыва*|вломил* .. дверь|двери|квартиру|дом",
    "husband|wife|boyfriend|girlfriend|partner|father|dad|mother|mom|brother|son|ex|he|she|they|man|someone|somebody|neighbor|neighbour .. hits|hit|hitting|beats|beat|beating|punches|punched|punching|chokes|choked|choking|kicks|kicked|hurts|hurting|strangl*|attacks|attacked|attacking .. me|us|my|her|him|child|kid|kids|children|baby",
    "beats|beating|beat|punching|choking|strangling|attacking|assaulting|abusing|abuses me|us|my",
    "rape|raped|rapes|raping|rapist",
    "sexual|sexually assault*|abus*",
    "domestic violence|abuse",
    "threaten* .. me|us|my|to|kill|hurt|her|him",
    "going|gonna|trying|tries|tried|try|wants|want|will|about .. kill|murder|stab|shoot|rape|strangle|hurt me|us|my",
    "kill|kills|murder me|us",
    "following|chasing|stalking me|us",
    "stalker|intruder",
    "in danger",
    "not|isnt|dont .. feel|am|im safe .. home|here|him|her",
    "has|have|having|got|holding|holds .. gun|knife|razor|blade|pistol",
    "держу|держит|руке|руках|взял|взяла|достал|достала .. нож|ножом|лезвие|бритву|бритва|бритвой|пистолет",
    "нож|лезвие|бритва|пистолет .. руке|руках",
    // Violence towards others.
    "убью|зарежу|застрелю|задушу|прибью|придушу",
    "хочу|хочется|хотел|хотела|могу|готов|готова|собираюсь|боюсь|пойду|решил|решила .. убить|зарезать|задушить|застрелить|избить|прибить|придушить|убивать",
    "хочу|хочется|могу|готов|готова|боюсь|собираюсь .. ударить|навредить|причинить .. ее|его|их|ему|ей|им|жену|жене|мужа|мужу|ребенка|ребенку|детей|детям|мать|матери|отца|людей|людям|кого|кому|близк*|вред|боль",
    "want|wanna|wanted|going|gonna|will|might|could|ill|afraid|about|plan|planning|ready|urge .. kill|killing|murder|stab|shoot|strangle .. him|her|them|someone|somebody|people|everyone|everybody|my|you|others|kids|family",
    "want|wanna|wanted|going|gonna|will|might|could|ill|afraid|about|plan|planning|ready|urge .. hurt|harm|beat .. him|her|them|someone|somebody|people|everyone|others|kids|children|family",
    // A cry for help.
    "sos|спасите|истекаю",
    "кровь|крови|кровотечение .. не .. останав*|остановить",
    "вызовите|вызови|срочно .. скорую|полицию|милицию",
    "bleeding .. badly|heavily|out|death|lot|stop",
    "call .. ambulance|police",
];

/// What to do in danger. The first line is the number to call.
pub(super) const CRISIS_RU: &str = "\
Если жизни или безопасности что-то угрожает — вашей или чужой — звоните 112 прямо сейчас.
Нажмите кнопку тревоги в приложении: она позовёт ваших близких и терапевта.
Напишите живому человеку в чат поддержки: не оставайтесь с этим наедине.";

/// [`CRISIS_RU`] in English.
pub(super) const CRISIS_EN: &str = "\
If your life or safety, or somebody else's, is at risk: call your local emergency number (112 \
in Europe, 911 in North America) right now.
Press the alarm button in the app: it calls the people close to you and your therapist.
Write to a human in the support chat: don't stay alone with this.";

/// What follows the crisis lines when the guide answers.
pub(super) const SAFE_FOR_NOW_RU: &str = "\
То, что вы об этом написали, — важный шаг. Сейчас нужно одно: дожить в безопасности ближайшие \
минуты.
• Уйдите от опасности: туда, где есть люди, или за закрытую дверь.
• Отложите подальше всё, чем можно поранить себя или другого. Или сами отойдите от этого.
• Позвоните тому, кому доверяете, и скажите прямо: «Мне нужна помощь, побудь со мной».
• Пока ждёте: обе стопы на полу, медленный длинный выдох, и ещё один.
Самая сильная боль приходит волной. Волна спадает, и помощь рядом.";

/// [`SAFE_FOR_NOW_RU`] in English.
pub(super) const SAFE_FOR_NOW_EN: &str = "\
Writing this was an important step. Only one thing matters now: getting through the next \
minutes safely.
• Get away from the danger: to where there are people, or behind a locked door.
• Put anything that could hurt you or somebody else far away. Or walk away from it yourself.
• Call somebody you trust and say it plainly: \"I need help, stay with me.\"
• While you wait: both feet on the floor, one slow, long breath out, and another.
The worst pain comes in waves. A wave goes down, and help is near.";
