//! What the guide talks about besides danger.

/// One subject of the guide.
pub(super) struct Topic {
    /// What tests call it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests alone"))]
    pub(super) name: &'static str,
    /// Patterns that call for it, in both languages.
    pub(super) patterns: &'static [&'static str],
    /// What to say in Russian.
    pub(super) ru: &'static str,
    /// The same in English.
    pub(super) en: &'static str,
}

/// In the order they are looked for: first what was asked for by name, then the more acute.
pub(super) const TOPICS: &[Topic] = &[
    Topic {
        name: "app",
        patterns: &[
            "кнопк*|приложени*|сценари*|оператор*|контакты|контактов|контактам",
            "экстренн* контакт*",
            "добавить|изменить|удалить|поменять|указать .. контакт*|терапевт*",
            "включить|вызвать|отправить|отменить|нажать|нажимать|поднять|запустить .. тревогу|тревоги",
            "сигнал* тревог*",
            "чат* .. поддержк*",
            "служб* поддержк*",
            "связаться|поговорить|написать|пообщаться|соедини* .. поддержк*|человек*|живым|психолог*|терапевт*|специалист*",
            "живой|живого|живым|живому|реальн* человек*",
            "alarm|panic button",
            "alarm|alarms",
            "emergency contact*",
            "add|change|remove|edit .. contact|contacts|therapist",
            "support chat",
            "this|the|your app",
            "talk|speak|write|chat .. human|person|operator|supporter|therapist|counselor|counsellor",
            "real|actual person|human",
        ],
        ru: "\
Вот что есть в приложении:
• Кнопка тревоги. Нажмите её, когда не справляетесь сами: она включит ваш сценарий — \
успокаивающую музыку, сообщения экстренным контактам и терапевту.
• Экстренные контакты и терапевт. Укажите их в профиле заранее, с адресом почты: им уйдёт \
сообщение о тревоге.
• Чат поддержки. Там отвечает живой человек.
• Этот чат. Я программа: подскажу, как пережить трудную минуту, в любое время суток.",
        en: "\
Here is what the app has:
• The alarm button. Press it when you can't cope alone: it starts your scenario, which can play \
calming music and send messages to your emergency contacts and your therapist.
• Emergency contacts and therapist. Put them into your profile beforehand, with an e-mail \
address: that is where the alarm's message goes.
• The support chat. A human answers there.
• This chat. I am a program: I can help you through a hard minute at any hour.",
    },
    Topic {
        name: "grounding",
        patterns: &[
            "заземл*|grounding",
            "5 4 3 2 1",
            "54321",
            "вернуться|вернуть .. реальность|настоящее",
            "ground myself|me",
        ],
        ru: "\
Вернёмся в «здесь и сейчас». Не спеша, можно вслух:
5 — назовите пять вещей, которые видите.
4 — четыре, которых можете коснуться. Потрогайте их.
3 — три звука, которые слышите.
2 — два запаха.
1 — один вкус. Подойдёт глоток воды.
Поставьте обе стопы на пол и назовите, где вы и какое сегодня число. Если помогло мало — ещё круг.",
        en: "\
Let's come back to here and now. Take your time, say it aloud if you can:
5 — name five things you see.
4 — four you can touch. Touch them.
3 — three sounds you hear.
2 — two smells.
1 — one taste. A sip of water will do.
Put both feet on the floor and say where you are and what day it is. If it helped only a little, \
go round once more.",
    },
    Topic {
        name: "flashback",
        patterns: &[
            "флешбек*|флэшбек*|флешбэк*|флэшбэк*",
            "flashback*",
            "снова|опять|как .. там|туда .. вернулся|вернулась|оказался|оказалась|был|была",
            "снова|опять .. вижу|слышу|переживаю .. войну|взрыв*|выстрел*|это|все|аварию|нападение",
            "воспоминани*",
            "накрыло|накрывает|накатило|накатывает",
            "memories|triggered",
            "reliving|relive",
            "back there|then again",
            "feels like .. happening again",
        ],
        ru: "\
Похоже, прошлое сейчас совсем рядом. Это воспоминание. То, что было, закончилось; вы здесь, и это \
другой день.
• Скажите вслух: «Это воспоминание. Сейчас … год, я в …, здесь мне это не грозит».
• Прижмите стопы к полу, возьмите в руку что-то холодное или шершавое.
• Назовите пять вещей вокруг, которых тогда не было.
• Выдыхайте дольше, чем вдыхаете.
Волна пройдёт. Потом дайте себе отдых, воду и тепло.",
        en: "\
It sounds as if the past is very close right now. This is a memory. What happened is over; you are \
here, and it is another day.
• Say aloud: \"This is a memory. It is the year …, I am in …, it is not happening here.\"
• Press your feet into the floor, hold something cold or rough.
• Name five things around you that were not there back then.
• Breathe out longer than you breathe in.
The wave will pass. Afterwards give yourself rest, water and warmth.",
    },
    Topic {
        name: "panic",
        patterns: &[
            "паник*|паническ*|задыха*|умираю|panic*|hyperventilat*",
            "не могу|получается|хватает .. дышать|вдохнуть|вздохнуть|воздуха",
            "сердце .. колотит*|выпрыг*|бешено|бьется|стучит|остановит*",
            "с|сойду|схожу .. ума",
            "боюсь|страшно|сейчас|кажется .. умереть|умру|потеряю|упаду",
            "трясет|трясутся|колотит",
            "cant|cannot|hard|trouble .. breathe|breathing|breath",
            "heart .. racing|pounding|beating|stop",
            "going crazy|mad|insane",
            "going to die",
            "im|am dying",
            "shaking|trembling",
        ],
        ru: "\
Это очень страшно и неприятно, и это пройдёт: паника поднимается волной и обычно спадает за \
несколько минут. Не боритесь с ней, переждите её вместе со мной.
• Выдохните медленно, до конца. Вдох на 4 счёта, выдох на 6–8. Ещё раз.
• Упритесь стопами в пол, спиной — в стену или спинку стула.
• Назовите пять предметов вокруг, их цвет и форму.
• Холодная вода на руки и лицо.
Если такая боль в груди, удушье или слабость у вас впервые, либо они не проходят — звоните 112: \
пусть вас осмотрят.",
        en: "\
This is very frightening, and it will pass: panic comes as a wave and usually goes down within \
minutes. Don't fight it, let's wait it out together.
• Breathe out slowly, all the way. In for 4 counts, out for 6 to 8. Again.
• Press your feet into the floor and your back against a wall or a chair.
• Name five things around you, their colour and shape.
• Cold water on your hands and face.
If such pain in the chest, choking or weakness is new to you, or does not go away, call your local \
emergency number (112 or 911): let a doctor look at you.",
    },
    Topic {
        name: "breathing",
        patterns: &[
            "дыхательн*|дыхание|breathing",
            "упражнени*|техник*|практик* .. дыхани*|дышать",
            "как|научи|помоги .. дышать|подышать|продышаться",
            "дыхани* .. квадрат*",
            "квадрат* .. дыхани*",
            "box breathing|breath",
            "how .. breathe",
            "breathe with me",
        ],
        ru: "\
Подышим вместе. Сядьте удобно, опустите плечи.
• Длинный выдох: вдох носом на 4 счёта, выдох ртом на 6–8, как будто дуете на горячий чай. \
Десять раз.
• Или «квадрат»: вдох на 4, пауза на 4, выдох на 4, пауза на 4. Четыре круга.
Если кружится голова или задерживать дыхание неприятно — дышите как обычно и просто удлиняйте выдох.",
        en: "\
Let's breathe together. Sit comfortably, let your shoulders drop.
• Long exhale: in through the nose for 4 counts, out through the mouth for 6 to 8, as if you were \
cooling hot tea. Ten times.
• Or the box: in for 4, hold for 4, out for 4, hold for 4. Four rounds.
If you feel dizzy or don't like holding your breath, breathe as usual and just make the exhale \
longer.",
    },
    Topic {
        name: "sleep",
        patterns: &[
            "сон|сна|сне|сном|сны|снов|снах|бессонниц*|insomnia|nightmare*",
            "снится|снятся|снилось|снились|приснил*",
            "кошмары|кошмаров|кошмарами|кошмарам|кошмарах",
            "ночн*|опять|снова|приснился|от .. кошмар|кошмара",
            "не .. сплю|спать|уснуть|заснуть|засыпаю|спится|спал|спала",
            "просыпаюсь|проснулся|проснулась",
            "sleep|sleeping|asleep|sleepless",
            "bad|terrible dream|dreams",
            "woke|wake .. up",
        ],
        ru: "\
Ночью всё кажется тяжелее. Если проснулись от кошмара:
• Включите свет, сядьте, поставьте стопы на пол. Скажите: «Это был сон. Я дома, сейчас … часов».
• Глоток воды, холодная вода на лицо, несколько длинных выдохов.
• Можно придумать сну другой, спокойный конец и записать его.
Если не спится — не лежите и не боритесь: встаньте, займитесь чем-то тихим при неярком свете и \
вернитесь, когда потянет в сон. Новости и телефон лучше отложить. Если так уже не первую неделю, \
расскажите терапевту.",
        en: "\
At night everything weighs more. If a nightmare woke you:
• Turn on a light, sit up, feet on the floor. Say: \"That was a dream. I am at home, it is … \
o'clock.\"
• A sip of water, cold water on your face, a few long exhales.
• You can give the dream another, calm ending and write it down.
If sleep won't come, don't lie there fighting: get up, do something quiet in dim light and go back \
when you feel sleepy. Leave the news and the phone for tomorrow. If it has been like this for weeks, \
tell your therapist.",
    },
    Topic {
        name: "anger",
        patterns: &[
            "злюсь|злость|злости|злостью|злит|злой|злая|злоба|разозл*|обозл*|гнев*|ярост*|бешенств*|бесит|бесят|взбесил*|раздража*|раздражен*|агресс*|ненавижу",
            "срываюсь|сорвался|сорвалась|накричал|накричала|ору|кричу",
            "angry|anger|furious|rage|raging|irritat*",
            "mad at",
            "lost|lose|losing .. temper|control",
            "hate|snapped|yelled|yelling",
        ],
        ru: "\
Злость — это сила, которая хочет вас защитить. Дайте ей выход, который никому не навредит.
• Отойдите: другая комната, лестница, улица. «Мне нужно десять минут» — достаточное объяснение.
• Крепко сожмите кулаки на 5 счётов и отпустите. Пять раз. Или быстро пройдитесь, отожмитесь от стены.
• Холодная вода на руки и лицо, длинный выдох.
• Важные разговоры, руль и переписку отложите, пока не отпустит.
Когда станет тише, спросите себя: что меня задело и что мне сейчас нужно?",
        en: "\
Anger is a force that wants to protect you. Give it a way out that harms nobody.
• Step away: another room, the stairs, the street. \"I need ten minutes\" is reason enough.
• Clench your fists hard for 5 counts and let go. Five times. Or walk fast, do push-ups against a \
wall.
• Cold water on your hands and face, a long exhale.
• Leave important talks, driving and messages until it lets go of you.
When it is quieter, ask yourself: what touched me, and what do I need now?",
    },
    Topic {
        name: "anxiety",
        patterns: &[
            "тревог*|тревож*|беспоко*|волнуюсь|волнение|волнения|волнует|страх*|страшно|боюсь|бояться|пугает|переживаю|нервничаю|нервы|нервно|стресс*|напряжен*|успокоиться|успокой*",
            "anxi*|worr*|afraid|scared|fear*|nervous*|stress*|tense|overwhelm*|calm",
            "on edge",
        ],
        ru: "\
Тревога неприятна, но сама по себе не опасна, и на неё можно влиять. Попробуйте по порядку:
• Дыхание: вдох на 4 счёта, выдох на 6–8. Десять раз.
• Опора: 5 вещей, которые видите, 4 — которых касаетесь, 3 звука, 2 запаха, 1 вкус.
• Тело: сильно напрягите плечи и руки на 5 секунд и отпустите. Пройдитесь.
• Мысль: запишите, чего именно боитесь, и один маленький шаг, который можно сделать сегодня.
На каждый день помогают движение, сон, меньше кофе и новостей. Если тревога мешает жить, поговорите \
с терапевтом: с этим умеют работать.",
        en: "\
Anxiety is unpleasant but not dangerous in itself, and you can influence it. Try one after another:
• Breath: in for 4 counts, out for 6 to 8. Ten times.
• Senses: 5 things you see, 4 you touch, 3 sounds, 2 smells, 1 taste.
• Body: tense your shoulders and arms hard for 5 seconds and let go. Walk a little.
• Thought: write down what exactly you fear, and one small step you can take today.
From day to day, movement, sleep, less coffee and less news help. If anxiety gets in the way of \
living, talk to your therapist: it can be worked with.",
    },
    Topic {
        name: "thanks",
        patterns: &[
            "спасибо|благодарю|thanks|thx",
            "thank you",
            "мне|стало|уже лучше|легче",
            "feel|feeling|am better",
        ],
        ru: "\
Хорошо, что вы написали. Побудьте к себе добры: вода, тепло, немного отдыха. Я здесь в любое время — \
возвращайтесь, когда захочется.",
        en: "\
I'm glad you wrote. Be kind to yourself now: water, warmth, a little rest. I am here at any hour; \
come back whenever you like.",
    },
];

/// What to say to a greeting, and where nothing else fits.
pub(super) const WELCOME: Topic = Topic {
    name: "welcome",
    patterns: &[],
    ru: "\
Я рядом. Я программа и не заменяю терапевта, но помогу пережить трудную минуту. Если сейчас тяжело, \
начните с одного: поставьте обе стопы на пол и сделайте медленный, длинный выдох.
Напишите, что ближе: «тревога», «паника», «флешбэк», «не могу уснуть», «злость», «дыхание», \
«заземление» — или «как пользоваться приложением». А в чате поддержки ответит живой человек.",
    en: "\
I'm here. I am a program and can't replace a therapist, but I can help you through a hard minute. If \
it is hard right now, start with one thing: both feet on the floor and a slow, long breath out.
Tell me what is closest: \"anxiety\", \"panic\", \"flashback\", \"can't sleep\", \"anger\", \
\"breathing\", \"grounding\", or \"how to use the app\". And in the support chat a human answers.",
};

/// Ends every answer but the one to danger, which begins with it.
pub(super) const WHEN_IT_GETS_WORSE_RU: &str = "\
Становится хуже или не справляетесь — нажмите кнопку тревоги. Есть угроза жизни — звоните 112.";

/// [`WHEN_IT_GETS_WORSE_RU`] in English.
pub(super) const WHEN_IT_GETS_WORSE_EN: &str = "\
If it gets worse or you can't cope alone, press the alarm button. If a life is at risk, call your \
local emergency number (112 in Europe, 911 in North America).";
