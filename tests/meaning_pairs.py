"""Pairs of short answers to one question, written by hand: such that say the same, and such that do not."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple


class Pair(NamedTuple):
    """Two answers to one question. `kind` tells in what they differ."""

    language: str
    kind: str
    one: str
    other: str

    @property
    def held_out(self) -> bool:
        """Whether rules and thresholds were made without a look at this pair: half of all, by their hash."""
        return sha256(self.one.encode()).digest()[0] % 2 == 1


SAME = (
    Pair("en", "order", "The capital of France is Paris.", "Paris is the capital of France."),
    Pair(
        "en",
        "order",
        "Shakespeare wrote Hamlet around 1600.",
        "Around 1600, Hamlet was written by Shakespeare.",
    ),
    Pair(
        "en",
        "passive",
        "Alexander Fleming discovered penicillin.",
        "Penicillin was discovered by Alexander Fleming.",
    ),
    Pair("en", "passive", "A virus causes the disease.", "The disease is caused by a virus."),
    Pair(
        "en",
        "elaboration",
        "The largest ocean is the Pacific.",
        "The largest ocean in the world is the Pacific Ocean.",
    ),
    Pair("en", "elaboration", "Water boils at 100 °C.", "Water boils at 100 °C at sea level."),
    Pair("en", "inflection", "Plants absorb carbon dioxide.", "A plant absorbs carbon dioxide."),
    Pair("en", "inflection", "The bridge opened in 1937.", "The bridge was opened in 1937."),
    Pair("en", "filler", "I think the answer would be the liver.", "The answer is the liver."),
    Pair("en", "filler", "Sure! The smallest planet is Mercury.", "The smallest planet is Mercury."),
    Pair(
        "en",
        "filler",
        "As far as I know, Mount Everest is the highest mountain.",
        "Mount Everest is the highest mountain.",
    ),
    Pair("en", "number word", "A spider has eight legs.", "A spider has 8 legs."),
    Pair("en", "number word", "There are two moons around Mars.", "Mars has 2 moons."),
    Pair("en", "number format", "The town has 1,200 inhabitants.", "The town has 1200 inhabitants."),
    Pair(
        "en",
        "number format",
        "About 50% of the votes were counted.",
        "About 50 percent of the votes were counted.",
    ),
    Pair("en", "synonym", "The film begins at noon.", "The movie starts at noon."),
    Pair("en", "synonym", "You should see a doctor.", "You should see a physician."),
    Pair("en", "synonym", "The car is very quick.", "The car is very fast."),
    Pair(
        "en", "synonym", "It helps the body to fight infections.", "It helps your body fight off infections."
    ),
    Pair("en", "synonym", "He purchased a large house.", "He bought a big house."),
    Pair("en", "negation", "The mushroom is not safe to eat.", "The mushroom is unsafe to eat."),
    Pair("en", "negation", "No, it isn't legal.", "No, it is illegal."),
    Pair("en", "negation", "You can't mix bleach and ammonia.", "You cannot mix bleach and ammonia."),
    Pair(
        "en",
        "negation",
        "The moon has no atmosphere to speak of.",
        "The moon doesn't have an atmosphere to speak of.",
    ),
    Pair("en", "negation", "That is not possible.", "That is impossible."),
    Pair(
        "en",
        "yes",
        "Yes, the sender is interested in chatbots.",
        "Yes, the sender appears to be interested in chatbots.",
    ),
    Pair("en", "layout", "- The Pacific Ocean", "The Pacific Ocean"),
    Pair(
        "en",
        "layout",
        "**Photosynthesis** takes place in the *chloroplasts*.",
        "Photosynthesis takes place in the chloroplasts.",
    ),
    Pair("en", "punctuation", "Well - it depends on the weather!", "Well, it depends on the weather."),
    Pair("en", "contraction", "It's the heart that pumps blood.", "It is the heart that pumps blood."),
    Pair("en", "spelling", "The colour of the sky is blue.", "The color of the sky is blue."),
    Pair("en", "article", "The answer is the mitochondrion.", "Answer: mitochondrion"),
    Pair(
        "en",
        "name",
        "Frank-Walter Steinmeier is the president of Germany.",
        "The President of Germany is Steinmeier.",
    ),
    Pair(
        "en",
        "name",
        "Superman was created by Jerry Siegel and Joe Shuster.",
        "Joe Shuster and Jerry Siegel created Superman.",
    ),
    Pair("en", "date", "The war ended on May 8, 1945.", "The war ended on 8 May 1945."),
    Pair(
        "en",
        "explanation",
        "The tree is an oak, since its leaves have lobes.",
        "The tree is an oak because its leaves have lobes.",
    ),
    Pair(
        "en",
        "explanation",
        "Ice floats because it is less dense than water.",
        "Ice is less dense than water, so it floats.",
    ),
    Pair(
        "en",
        "list",
        "The primary colors are red, yellow and blue.",
        "The primary colors are blue, red, and yellow.",
    ),
    Pair("en", "list", "Oxygen and nitrogen make up the air.", "The air is made up of nitrogen and oxygen."),
    Pair(
        "en", "sentence", "The cell divides. Then the nuclei form.", "The cell divides, then the nuclei form."
    ),
    Pair(
        "en", "advice", "Restart the server and clear the cache.", "Clear the cache and restart the server."
    ),
    Pair("en", "advice", "Try restarting the computer.", "You could try to restart the computer."),
    Pair(
        "de", "order", "Die Hauptstadt von Frankreich ist Paris.", "Paris ist die Hauptstadt von Frankreich."
    ),
    Pair("de", "negation", "Das ist nicht möglich.", "Das ist unmöglich."),
    Pair("de", "inflection", "Die Brücke wurde 1937 eröffnet.", "1937 wurde die Brücke eröffnet."),
    Pair("de", "filler", "Ich glaube, der größte Planet ist der Jupiter.", "Der größte Planet ist Jupiter."),
    Pair("de", "elaboration", "Wasser siedet bei 100 Grad.", "Wasser siedet bei 100 Grad auf Meereshöhe."),
    Pair("fr", "order", "La capitale de l'Allemagne est Berlin.", "Berlin est la capitale de l'Allemagne."),
    Pair("fr", "negation", "Ce n'est pas possible.", "C'est impossible."),
    Pair("fr", "article", "La réponse est : le foie.", "Réponse : le foie"),
    Pair(
        "fr", "inflection", "Les plantes absorbent le gaz carbonique.", "La plante absorbe le gaz carbonique."
    ),
    Pair("es", "order", "La capital de España es Madrid.", "Madrid es la capital de España."),
    Pair("es", "negation", "Eso no es posible.", "Eso es imposible."),
    Pair(
        "es",
        "elaboration",
        "El océano más grande es el Pacífico.",
        "El océano más grande del mundo es el océano Pacífico.",
    ),
    Pair("it", "order", "La capitale d'Italia è Roma.", "Roma è la capitale d'Italia."),
    Pair("it", "filler", "Penso che il pianeta più grande sia Giove.", "Il pianeta più grande è Giove."),
    Pair("pt", "order", "A capital de Portugal é Lisboa.", "Lisboa é a capital de Portugal."),
    Pair(
        "nl", "order", "De hoofdstad van Nederland is Amsterdam.", "Amsterdam is de hoofdstad van Nederland."
    ),
    Pair("pl", "order", "Stolicą Polski jest Warszawa.", "Warszawa jest stolicą Polski."),
    Pair("ru", "order", "Столица России - Москва.", "Москва - столица России."),
    Pair("ru", "filler", "Я думаю, самая большая планета - Юпитер.", "Самая большая планета - Юпитер."),
    Pair("zh", "order", "法国的首都是巴黎。", "巴黎是法国的首都。"),
    Pair("zh", "filler", "我认为最大的行星是木星。", "最大的行星是木星。"),
    Pair("zh", "layout", "水在100度沸腾。", "水在 100 度沸腾"),
    Pair("ja", "order", "フランスの首都はパリです。", "パリはフランスの首都です。"),
    Pair("ja", "politeness", "一番大きい惑星は木星です。", "一番大きい惑星は木星である。"),
    Pair("ko", "order", "프랑스의 수도는 파리입니다.", "파리는 프랑스의 수도입니다."),
    Pair("ar", "order", "عاصمة فرنسا هي باريس.", "باريس هي عاصمة فرنسا."),
    Pair("tr", "order", "Fransa'nın başkenti Paris'tir.", "Paris, Fransa'nın başkentidir."),
    Pair("sv", "order", "Sveriges huvudstad är Stockholm.", "Stockholm är Sveriges huvudstad."),
)

DIFFERENT = (
    Pair("en", "yes or no", "Yes, because the law allows it.", "No, because the law forbids it."),
    Pair("en", "yes or no", "Yes, you can eat it raw.", "No, you can't eat it raw."),
    Pair("en", "yes or no", "Absolutely, it is a mammal.", "No, it is a fish."),
    Pair("en", "true or false", "True, the sun is a star.", "False, the sun is a star only in poems."),
    Pair("en", "true or false", "The statement is correct.", "The statement is incorrect."),
    Pair("en", "negation", "The mushroom is safe to eat.", "The mushroom is not safe to eat."),
    Pair("en", "negation", "The drug helps against migraine.", "The drug does not help against migraine."),
    Pair("en", "negation", "The contract can be cancelled.", "The contract cannot be cancelled."),
    Pair("en", "negation", "She has been there.", "She has never been there."),
    Pair(
        "en",
        "negation",
        "There is evidence of water on the moon.",
        "There is no evidence of water on the moon.",
    ),
    Pair("en", "negation", "The email is spam.", "The email isn't spam."),
    Pair("en", "negation", "He arrived with a ticket.", "He arrived without a ticket."),
    Pair("en", "prefix", "The method is reliable.", "The method is unreliable."),
    Pair("en", "prefix", "This treatment is effective.", "This treatment is ineffective."),
    Pair("en", "prefix", "The procedure is legal in Spain.", "The procedure is illegal in Spain."),
    Pair("en", "suffix", "The snake is harmless.", "The snake is harmful."),
    Pair("en", "antonym", "Interest rates will increase.", "Interest rates will decrease."),
    Pair("en", "antonym", "It is safe to drink the water.", "It is dangerous to drink the water."),
    Pair("en", "antonym", "The pressure rises with temperature.", "The pressure falls with temperature."),
    Pair("en", "antonym", "The company made a profit.", "The company made a loss."),
    Pair("en", "antonym", "The first option is better.", "The first option is worse."),
    Pair("en", "antonym", "The answer is less than ten.", "The answer is more than ten."),
    Pair("en", "antonym", "Turn the valve to the left.", "Turn the valve to the right."),
    Pair("en", "antonym", "It happened before the war.", "It happened after the war."),
    Pair("en", "antonym", "The test result is positive.", "The test result is negative."),
    Pair("en", "antonym", "Most voters accept the plan.", "Most voters reject the plan."),
    Pair("en", "antonym", "You should always open the window.", "You should always close the window."),
    Pair("en", "antonym", "The suspect is guilty.", "The suspect is innocent."),
    Pair("en", "number", "A spider has eight legs.", "A spider has six legs."),
    Pair("en", "number", "The town has 1,200 inhabitants.", "The town has 12,000 inhabitants."),
    Pair("en", "number", "There are 2 horses in this story.", "There are 4 horses in this story."),
    Pair("en", "number", "The tip is $6.65.", "The tip is $6.56."),
    Pair("en", "number", "One third of them voted.", "Two thirds of them voted."),
    Pair("en", "sign", "The temperature was -5 degrees.", "The temperature was 5 degrees."),
    Pair("en", "unit", "The rope is 5 metres long.", "The rope is 5 feet long."),
    Pair("en", "date", "The war ended in 1945.", "The war ended in 1918."),
    Pair("en", "date", "The meeting is on 8 May.", "The meeting is on 8 June."),
    Pair("en", "date", "It takes place on Monday.", "It takes place on Tuesday."),
    Pair("en", "name", "Paris is the capital of the country.", "Lyon is the capital of the country."),
    Pair("en", "name", "The lead singer was Grace Slick.", "The lead singer was Mickey Thomas."),
    Pair("en", "name", "Superman was created by Jerry Siegel.", "Superman was created by Stan Lee."),
    Pair("en", "name", "The president of Germany is Steinmeier.", "The president of Germany is Scholz."),
    Pair("en", "roles", "France defeated Germany.", "Germany defeated France."),
    Pair("en", "roles", "The cat chased the dog.", "The dog chased the cat."),
    Pair("en", "other thing", "The disease is caused by a virus.", "The disease is caused by bacteria."),
    Pair("en", "other thing", "The best conductor is copper.", "The best conductor is silver."),
    Pair("en", "other thing", "Mars is red.", "Mars is brown."),
    Pair(
        "en", "other thing", "The smallest breed is the Chihuahua.", "The smallest breed is the Pomeranian."
    ),
    Pair(
        "en",
        "other thing",
        "The tweet should be classified as news.",
        "The tweet should be classified as an event.",
    ),
    Pair(
        "en",
        "other thing",
        "The organ that filters blood is the liver.",
        "The organ that filters blood is the kidney.",
    ),
    Pair("en", "other thing", "The apple is in the kitchen.", "The apple is in the dining room."),
    Pair("en", "quantity", "All of the samples were contaminated.", "None of the samples were contaminated."),
    Pair("en", "quantity", "Everyone agreed.", "Nobody agreed."),
    Pair("en", "refusal", "The answer is the liver.", "I cannot answer that question."),
    Pair(
        "en",
        "list",
        "The primary colors are red, yellow and blue.",
        "The primary colors are red, green and blue.",
    ),
    Pair("en", "code", "Use the method append to add it.", "Use the method insert to add it."),
    Pair("de", "yes or no", "Ja, das ist erlaubt.", "Nein, das ist verboten."),
    Pair("de", "negation", "Der Vertrag ist gültig.", "Der Vertrag ist nicht gültig."),
    Pair("de", "negation", "Es gibt einen Beweis dafür.", "Es gibt keinen Beweis dafür."),
    Pair("de", "prefix", "Das Verfahren ist sicher.", "Das Verfahren ist unsicher."),
    Pair("de", "number", "Die Spinne hat acht Beine.", "Die Spinne hat sechs Beine."),
    Pair("de", "antonym", "Die Zinsen steigen.", "Die Zinsen sinken."),
    Pair("de", "other thing", "Die Ursache ist ein Virus.", "Die Ursache ist ein Bakterium."),
    Pair("fr", "yes or no", "Oui, c'est autorisé.", "Non, c'est interdit."),
    Pair("fr", "negation", "Le contrat est valable.", "Le contrat n'est pas valable."),
    Pair("fr", "antonym", "Les prix vont augmenter.", "Les prix vont diminuer."),
    Pair("fr", "name", "La capitale est Paris.", "La capitale est Lyon."),
    Pair("es", "yes or no", "Sí, es seguro.", "No, no es seguro."),
    Pair("es", "negation", "El contrato es válido.", "El contrato no es válido."),
    Pair("es", "antonym", "Los precios van a subir.", "Los precios van a bajar."),
    Pair("it", "negation", "Il contratto è valido.", "Il contratto non è valido."),
    Pair("it", "number", "Il ragno ha otto zampe.", "Il ragno ha sei zampe."),
    Pair("pt", "negation", "O contrato é válido.", "O contrato não é válido."),
    Pair("nl", "negation", "Het contract is geldig.", "Het contract is niet geldig."),
    Pair("pl", "negation", "Umowa jest ważna.", "Umowa nie jest ważna."),
    Pair("ru", "yes or no", "Да, это безопасно.", "Нет, это опасно."),
    Pair("ru", "negation", "Договор действителен.", "Договор не действителен."),
    Pair("ru", "name", "Столица - Москва.", "Столица - Казань."),
    Pair("zh", "yes or no", "是的，可以这样做。", "不，不可以这样做。"),
    Pair("zh", "negation", "这份合同有效。", "这份合同无效。"),
    Pair("zh", "other thing", "法国的首都是巴黎。", "法国的首都是里昂。"),
    Pair("zh", "number", "蜘蛛有八条腿。", "蜘蛛有六条腿。"),
    Pair("ja", "negation", "この契約は有効です。", "この契約は有効ではありません。"),
    Pair("ja", "yes or no", "はい、安全です。", "いいえ、危険です。"),
    Pair("ja", "other thing", "フランスの首都はパリです。", "フランスの首都はリヨンです。"),
    Pair("ko", "yes or no", "네, 안전합니다.", "아니요, 위험합니다."),
    Pair("ar", "yes or no", "نعم، هذا آمن.", "لا، هذا خطير."),
    Pair("ar", "negation", "العقد صالح.", "العقد غير صالح."),
    Pair("tr", "negation", "Sözleşme geçerli.", "Sözleşme geçerli değil."),
    Pair("sv", "negation", "Avtalet är giltigt.", "Avtalet är inte giltigt."),
)
