"""No word on anybody's looks, no name, no text and no number passes; scene, action and camera do."""

import pytest

from operators.models.scene.caption_filter import without_appearance


@pytest.mark.parametrize(
    "said",
    [
        "The camera stands at eye level on a tripod and pans slowly to the left.",
        "A wide street of old brick houses lies under a grey sky, and the asphalt is wet.",
        "Two people cross the road from left to right, one of them runs.",
        "Red and white awnings hang over the windows of a small shop.",
        "In the background, a tall building of glass reflects the low sun.",
    ],
)
def test_scene_action_and_camera_stay(said: str) -> None:
    assert without_appearance(said) == said


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("A woman in a red coat walks by. The road is wet.", "The road is wet."),
        ("The road is wet, a man wearing a helmet waits, cars pass.", "The road is wet, cars pass."),
        ("A boy runs across the square.", "A person runs across the square."),
        (
            "Two women and several men talk while he waves.",
            "Two people and several people talk while they waves.",
        ),
        ("She is tall and has blonde hair.", ""),
        ("An elderly Asian man sits on a bench.", ""),
        ("The person looks young. A tram stops.", "A tram stops."),
        ("People in black stand by the wall, and trees move in the wind.", "And trees move in the wind."),
        ('A sign reads "Central Park". Pigeons sit on it.', "Pigeons sit on it."),
        ("A bus with the number 42 turns. It is noon.", "It is noon."),
        ("This is Trafalgar Square in London, the fountains are on.", "The fountains are on."),
        ("店の前に人がいる。 The door is open.", "The door is open."),
        ("- **Camera:** handheld\n- A bearded man smiles", "Camera, handheld."),
        ("The silhouette is censored; the pavement is dry.", "The pavement is dry."),
        ("", ""),
    ],
)
def test_looks_names_and_texts_go_with_their_clause(said: str, left: str) -> None:
    assert without_appearance(said) == left


WORDS = (
    "jacket jackets hooded scarf sneakers hat hijab backpack hair haired bald bearded skin freckled tattooed smiling "
    "elderly slim overweight muscular pregnant African Asian Hispanic mother soldiers uniformed wheelchair sunglasses"
)


@pytest.mark.parametrize("word", WORDS.split())
@pytest.mark.parametrize(
    "form", ["Somebody {} passes by.", "A dog runs beside the {} one.", "{}, they wait."]
)
def test_no_word_on_looks_passes_in_whatever_form(word: str, form: str) -> None:
    for spelled in (word, word.upper(), word.capitalize()):
        assert word.lower() not in without_appearance(form.format(spelled)).lower()


def test_what_passed_passes_again() -> None:
    said = "A man in a coat runs, the camera follows. Rain falls on Main Street; he stops."
    once = without_appearance(said)
    assert without_appearance(once) == once != said
