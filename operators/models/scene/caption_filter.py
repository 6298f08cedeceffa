"""What a captioner may not say: nothing of how a person looks, no name, no text, no number.

It only sees footage without people, so what it says of their looks is invented; what it can read is the place's.
"""

import re

_INFLECTED = r"(?:'s|s|es|ed|d|ing|er|ers|y|ly|ish)?"

# Who: replaced, as the looks that are sampled decide.
_NEUTRAL = {
    "person": "man woman boy girl child kid toddler baby infant teenager adult lady gentleman guy male female senior "
    "pensioner youth lad human individual",
    "people": "men women boys girls children kids toddlers babies infants teenagers adults ladies gentlemen guys males "
    "females seniors pensioners youths lads humans individuals",
    "person's": "man's woman's boy's girl's child's",
    "they": "he she",
    "their": "his her hers",
    "them": "him",
    "themselves": "himself herself",
}
# How: a clause with one of these goes.
_LOOKS = (
    # clothes and what is carried
    "wear wore worn dress attire outfit cloth clothe clothing garment apparel costume uniform shirt t-shirt tee blouse "
    "jacket coat hoodie sweater jumper cardigan vest blazer trouser pants jeans shorts skirt gown robe kimono sari "
    "hijab burqa niqab turban scarf scarves glove hat cap beanie helmet hood sneaker shoe boot sandal sock stocking "
    "legging tights underwear bikini swimsuit swimwear sleeve sleeved denim backpack handbag purse eyeglasses "
    "sunglasses goggles jewelry jewellery necklace earring bracelet piercing "
    # hair, skin, face, body
    "hair haired hairstyle blond blonde brunette redhead bald beard moustache mustache stubble ponytail braid "
    "dreadlock afro skin skinned complexion freckle wrinkle scar tattoo birthmark makeup lipstick facial eyebrow nose "
    "cheek chin jaw forehead smile smiling grin frown handsome attractive slim slender obese overweight muscular "
    "athletic petite stocky pregnant disabled wheelchair crutch crutches prosthesis prosthetic "
    # age, sex, origin, kin
    "aged elderly middle-aged adolescent gender masculine feminine african asian european caucasian hispanic latino "
    "latina arab arabic indian chinese japanese korean american mexican ethnic ethnicity racial nationality jewish "
    "muslim christian hindu sikh mother father daughter sister brother wife husband nun monk bride soldier police "
    "policeman policewoman nurse "
    # the captioner's own view of its picture
    "silhouette pixelate pixelated censored anonymized anonymised"
)
# The same where somebody is spoken of: "a tall building" stays.
_LOOKS_OF_PEOPLE = (
    "tall short old young big small thin fat top tie suit belt face eye ear mouth lip body figure appear appearance "
    "look watch ring glasses mask bag tan age height build beautiful pretty cute black white grey gray red orange "
    "yellow green blue purple pink brown beige golden silver dark light pale bright colored coloured colorful colourful"
)
_SOMEBODY = re.compile(
    r"\b(?:person|people|they|them|their|someone|somebody|pedestrian|figure|crowd|worker)", re.I
)
_REPLACED = {word: neutral for neutral, words in _NEUTRAL.items() for word in words.split()}
_WHO = re.compile(rf"\b(?:{'|'.join(sorted(_REPLACED, key=len, reverse=True))})\b", re.I)
_ALWAYS = re.compile(rf"\b(?:{'|'.join(_LOOKS.split())}){_INFLECTED}\b", re.I)
_OF_PEOPLE = re.compile(rf"\b(?:{'|'.join(_LOOKS_OF_PEOPLE.split())}){_INFLECTED}\b", re.I)
# Digits, quotes and letters of other scripts: text that was read, numbers, names. A capital within is a name.
_READ = re.compile(r"[0-9\"“”«»‘]|(?<=\W)'\w|[^\x00-\x7f“”«»‘’–—]")
_NAME = re.compile(r"(?<=\S )[A-Z]\w")


def without_appearance(text: str) -> str:
    """`text` in sentences without what they say of people's looks: clauses with such words are left out whole.

    Words for men, women and children become "person" and "people". Names (capitals within a sentence), numbers,
    quotations and other scripts go with their clause. The result may be empty.
    """
    sentences = []
    for sentence in re.split(r"(?<=[.!?])\s+|(?<=[。！？])|\n+", re.sub(r"[*#_`~|]", "", text)):
        plain = _WHO.sub(lambda found: _REPLACED[found[0].lower()], sentence.strip(" -\t"))
        kept = [clause for part in _clauses(plain) if (clause := part.strip()) and _may_stay(clause)]
        if kept:
            joined = ", ".join(kept)
            sentences.append(joined[0].upper() + joined[1:].rstrip(".!?") + ".")
    return " ".join(sentences)


def _clauses(sentence: str) -> list[str]:
    """Parts between commas and the like."""
    return re.split(r"[,;:()\[\]–—]|\s-\s|[.!?]+$", sentence)


def _may_stay(clause: str) -> bool:
    if _ALWAYS.search(clause) or _READ.search(clause) or _NAME.search(clause):
        return False
    return not (_SOMEBODY.search(clause) and _OF_PEOPLE.search(clause))
