"""Words that carry the form of a sentence in many languages: negation, agreement, opposites, numbers.

Lists of closed classes of words, written by hand. `FUNCTION` and `FILLER` are passed over, so they hold
nothing that can be an answer; what they lack makes texts look more different than they are. Where no function
word of a known language is found, a negator may be unknown too, and every word counts.
"""

from __future__ import annotations

from panvox.curation.meaning.stems import stems

_FUNCTION = """
a an the this that these those it its he she they them his her their we our you your i me my us
is are was were be been being am do does did done has have had having will would shall should can could
of in on at to for from by with as into about and also so then than there here which who whom
what when where how why if because since while such both each very just quite rather really too
s d ll ve re t am

der die das den dem des ein eine einen einem einer eines ist sind war waren sein wird werden wurde wurden
hat haben hatte und auch so dann von in im am an auf zu zum zur für mit bei aus es er sie wir ich du dass
weil da als wie sich man dies diese dieser dieses kann könnte sehr

le la les l un une des du de d est sont était être été sera a ont avait et aussi alors dans en sur à au aux
pour par avec c ce cet cette ces il elle ils elles on nous vous je que qu qui parce comme se s très ne n va
vont

el los las lo uno una unos unas del al es son era eran ser sido será ha han y e también entonces por para
con ese esa eso este esta esto él ella ellos yo porque como se muy van su sus

il gli i della dello dei degli delle nel nella al alla è sono era sia essere stato ha hanno anche
allora di da per che perché come si molto questo questa questi lei lui io va

os as um uma uns umas do da dos das na nos nas ao é são foi ser sido tem têm também então por para com
que porque como muito este esta isso isto ele ela eu vai

de het een is zijn was waren wordt worden werd werden heeft hebben en ook dan van op aan te voor met bij
uit dat die dit hij zij ze we ik er als
och är var det den ett en i på av för med som att har hade till

jest są był była było być się w na z do i oraz to ten ta te który która od po za przez jako
и в на с по к из от для это этот эта эти был была было есть что который как он она оно они я мы у о так же
bu bir ve ile da de için olarak dir dır dur dür tir tır tur tür

هو هي هذا هذه في من على إلى أن و التي الذي كان
है हैं था थी थे का की के को में से पर यह वह और
"""


FUNCTION: dict[str, int] = {}
"""Articles, pronouns, auxiliaries and prepositions, each with a bit for each of its languages."""

for _bit, _paragraph in enumerate(_FUNCTION.split("\n\n")):
    for _word in _paragraph.split():
        FUNCTION[_word] = FUNCTION.get(_word, 0) | 1 << _bit

FILLER = stems("""
    answer response question think believe guess suppose seem appear likely probably generally typically
    usually actually basically simply well know known far sure certainly definitely absolutely indeed please
    ok okay hello hi called named refer considered try
    antwort glaube denke wohl vermutlich wahrscheinlich bitte gerne
    réponse pense crois probablement respuesta creo pienso probablemente risposta penso credo probabilmente
    resposta acho acredito antwoord denk думаю ответ кажется наверное
""")
"""Words, as stems, that tell how sure one is, or that an answer comes."""

FORM_CHARACTERS = frozenset(
    "的是了在也就和与地得着我认为觉あるいすがはをにのとでもまでした은는이가을를의에와과도입니다"
)
"""Characters of particles and copulas, for languages that are read by characters."""

NEGATORS = frozenset(
    """
    not no never none nobody nothing neither nor without cannot nowhere hardly n't unable fails
    nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder
    pas jamais rien aucun aucune sans ni
    nunca sin ningún ninguna ninguno nadie nada jamás tampoco
    non mai senza nessun nessuno nessuna niente nulla
    não sem nenhum nenhuma ninguém
    niet geen nooit zonder niets
    inte ingen inga aldrig utan ikke intet ei eivät nem
    nie bez nigdy żaden żadna není nejsou
    не нет без никогда ни нельзя ні немає
    değil yok
    لا ليس ليست غير لم لن بدون نیست לא אין नहीं न मत tidak bukan không chẳng δεν όχι
    """.split()
)

NEGATING_CHARACTERS = ("ません", "ない", "なし", "않", "못", "없", "아니", "안 ", *"不没沒無无非未别勿")
"""Parts of words that negate in languages that are read by characters; counted without overlap."""

STANCES = {
    "yes": """yes yeah yep true correct right sure absolutely definitely certainly ja doch jawohl richtig oui
    si sí sì verdadero vero vrai sim verdadeiro waar tak prawda да верно evet doğru نعم हाँ ναι כן
    是 是的 对 對 可以 能 はい ええ 네 예 igen kyllä""",
    "no": """no nope false incorrect wrong nein falsch non faux falso não nee onwaar nej nie fałsz нет неверно
    hayır yanlış لا नहीं όχι לא 不 不是 不行 不能 不可以 不对 否 いいえ いや 아니요 아뇨 nem ei""",
}
STANCE_OF = {word: stance for stance, words in STANCES.items() for word in words.split()}
"""What the first word of an answer says where a comma or an end follows it."""

_OPPOSITES = """
up | down downward
increase rise grow climb rose grew risen | decrease fall drop decline shrink fell reduce
safe secure | dangerous unsafe hazardous risky
good | bad
better | worse
best | worst
more | less fewer
most | least
many | few
high higher | low lower
highest maximum | lowest minimum
large big | small tiny
larger bigger greater | smaller
largest biggest greatest | smallest
long longer | short shorter
longest | shortest
hot warm | cold cool
hotter warmer | colder cooler
fast quick | slow
faster quicker | slower
fastest | slowest
strong stronger | weak weaker
heavy heavier | light lighter
early earlier | late later
before | after
above over | below under
inside | outside
left | right
north | south
northern | southern
east | west
eastern | western
open opened | close closed shut
accept approve | reject refuse decline deny
allow permit | forbid prohibit ban
legal lawful | illegal unlawful
true | false
right correct | wrong incorrect
positive | negative
profit gain | loss
win won victory | lose lost defeat
success succeed | failure fail
buy bought purchase | sell sold
always | never
all every everything everyone everybody | none nothing nobody
guilty | innocent
alive living | dead
rich wealthy | poor
easy simple | hard difficult
full | empty
new young | old
newer younger | older elder
youngest newest | oldest
male man men | female woman women
mother | father
parent | child
husband | wife
start begin began beginning | end finish stop
first | last
import | export
include | exclude
agree | disagree
love like | hate dislike
help | harm hinder
create build | destroy
attack | defend
add | remove subtract delete
multiply | divide
enable | disable
expand | contract
appear | disappear
day | night
public | private
internal | external
natural | artificial
real genuine | fake
cheap inexpensive | expensive costly
clockwise | counterclockwise anticlockwise
horizontal | vertical
ascending | descending
input | output
cause | prevent
encourage | discourage
healthy | unhealthy sick
present | absent
optional voluntary | mandatory required compulsory necessary
temporary | permanent
steigen steigt erhöhen wachsen | sinken sinkt fallen fällt senken
sicher | gefährlich unsicher
erlaubt zulässig | verboten unzulässig
wahr richtig | falsch
mehr | weniger
groß größer | klein kleiner
gut | schlecht
vor | nach
links | rechts
immer | nie niemals
größte höchste | kleinste niedrigste
augmenter augmente monter croître | diminuer diminue baisser réduire
sûr sécuritaire | dangereux
autorisé permis légal | interdit illégal
vrai | faux
plus | moins
grand | petit
bon | mauvais
avant | après
gauche | droite
toujours | jamais
subir sube aumentar aumenta crecer | bajar baja disminuir disminuye
seguro segura | peligroso peligrosa
permitido | prohibido
verdadero cierto | falso
más | menos
antes | después
izquierda | derecha
siempre | nunca
grande | pequeño
aumentare aumenta salire | diminuire diminuisce scendere
sicuro | pericoloso
permesso | vietato
più | meno
prima | dopo
subir aumentar | descer diminuir
seguro | perigoso
mais | menos
stijgen stijgt | dalen daalt
veilig | gevaarlijk
toegestaan | verboden
растёт растет увеличить увеличивается повышается | падает уменьшить уменьшается снижается
безопасно безопасен | опасно опасен
можно разрешено | нельзя запрещено
больше | меньше
до | после
"""


def _poles() -> dict[str, tuple[str, int]]:
    poles: dict[str, tuple[str, int]] = {}
    for line in _OPPOSITES.strip().splitlines():
        for sign, words in zip((1, -1), line.split("|"), strict=True):
            for word in words.split():
                for form in stems(word):
                    poles.setdefault(form, (line.split()[0], sign))
    return poles


POLES = _poles()
"""Of the stem of a word that has an opposite: what is opposed, and on which side the word stands."""

CHARACTER_OPPOSITES = tuple(
    tuple(pair.split("|"))
    for pair in """安全|危险 安全|危険 增加|减少 増加|減少 上升|下降 升高|降低 上昇|下降 合法|违法 正确|错误
    正しい|間違 真|假 大于|小于 多于|少于 最大|最小 最高|最低 最多|最少 左|右 之前|之后 以前|以後 允许|禁止
    许可|禁止 成功|失败 成功|失敗 好|坏 안전|위험 증가|감소 합법|불법 가능|불가능""".split()
)
"""Opposites in languages that are read by characters."""

NUMBERS = {
    word: str(value)
    for line in (
        "zero zéro cero null nul ноль sıfır|0",
        "two zwei deux dos due dois duas twee två dwa два две iki twice|2",
        "three drei trois tres tre três drie trzy три üç|3",
        "four vier quatre cuatro quattro quatro fyra cztery четыре dört|4",
        "five fünf cinq cinco cinque vijf fem pięć пять beş|5",
        "six sechs seis sei zes sex sześć шесть altı|6",
        "seven sieben sept siete sette sete zeven sju siedem семь yedi|7",
        "eight acht huit ocho otto oito åtta osiem восемь sekiz|8",
        "nine neun neuf nueve nove negen nio dziewięć девять dokuz|9",
        "ten zehn dix diez dieci dez tien tio dziesięć десять|10",
        "eleven elf onze once undici elva одиннадцать|11",
        "twelve zwölf douze doce dodici doze twaalf tolv двенадцать dozen|12",
        "thirteen dreizehn treize trece tredici|13",
        "fourteen vierzehn quatorze catorce quattordici|14",
        "fifteen fünfzehn quinze quince quindici|15",
        "sixteen sechzehn seize|16",
        "seventeen siebzehn|17",
        "eighteen achtzehn|18",
        "nineteen neunzehn|19",
        "twenty zwanzig vingt veinte venti vinte twintig двадцать|20",
        "thirty dreißig trente treinta trenta trinta тридцать|30",
        "forty vierzig quarante cuarenta quaranta сорок|40",
        "fifty fünfzig cinquante cincuenta cinquanta пятьдесят|50",
        "sixty sechzig soixante sesenta|60",
        "seventy siebzig setenta|70",
        "eighty achtzig ochenta|80",
        "ninety neunzig noventa|90",
        "hundred hundert cent cien ciento cento honderd сто|100",
        "thousand tausend mille mil duizend тысяча|1000",
        "million millionen millón millions|1000000",
        "billion milliarde milliarden|1000000000",
    )
    for words, value in [line.split("|")]
    for word in words.split()
}
"""Words for numbers; "one" is left out, since it is an article or a pronoun in most languages."""

CHARACTER_NUMBERS = {
    **dict(zip("零三四五六七八九二两", "0345678922", strict=True)),
    **dict(zip("十百千万億亿", "10 100 1000 10000 100000000 100000000".split(), strict=True)),
}
"""Numbers in languages that are read by characters, one character at a time."""

QUALIFIERS = stems("""
    only must need may might maybe perhaps almost nearly half partly some sometimes often seldom rarely
    quarter nur muss müssen fast halb manchmal oft selten vielleicht
    seulement doit presque moitié parfois souvent rarement
    solo debe casi mitad veces solamente quizás somente deve quase às forse quasi metà
    alleen moet bijna misschien только должен почти иногда может
""")
"""Words, as stems, that narrow a claim: texts that differ in them claim different things."""

AND = frozenset("and und et y e i en och и ve و और".split())
"""Words between the things of a list."""

CHOICES = frozenset("or either oder entweder ou или либо veya eller lub أو".split())
"""Words that leave it open which of two things is meant."""

TURNS = frozenset(
    "but however although though instead except unless aber jedoch obwohl mais cependant pero aunque ma però "
    "mas porém maar но однако ama".split()
)
"""Words after which a text may take back what it said."""

MONTHS = stems("""
    january february march april may june july august september october november december
    januar februar märz mai juni juli oktober dezember janvier février mars avril juin juillet août septembre
    octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre
    diciembre
""")
"""Months, as stems."""

ASKS_NAME = frozenset(
    "who whom whose where wer wen wem wo qui où quién quien quiénes dónde donde chi dove quem onde wie waar "
    "kto gdzie кто где kim nerede vem var من أين".split()
)
ASKS_NUMBER = frozenset(
    "when how much many year date number wann viele viel jahr quand combien année cuándo cuánto cuántos año "
    "quando quanto quanti anno quantos ano wanneer hoeveel jaar когда сколько kiedy ile متى كم".split()
)
"""Words of questions for somebody or a place, and for a time or a number."""

COURTESIES = (
    "please|kindly|hi|hello|hey|can you|could you|would you|tell me|thank you|thanks|bitte|danke|hallo|svp|"
    "merci|bonjour|por favor|gracias|hola|grazie|ciao|per favore"
)
"""What may begin or end a prompt and asks for nothing, as alternatives of a pattern."""
