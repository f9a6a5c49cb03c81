"""Whether the chosen models agree, and the sentence that says so, in both languages."""

from __future__ import annotations

import pytest

from frontend.api.client import Model
from frontend.api.errors import GatewayError
from frontend.locales.texts import Texts
from frontend.results.agreement import agreement, asked_label, notes, sentence, short
from frontend.results.verdict import Verdict

EN, FR = Texts("en"), Texts("fr")
MODELS = {name: Model(name, name.upper(), 1000) for name in "abcd"} | {"few": Model("few", "Few", 2)}
PENDING, CANCELLED = Verdict("pending"), Verdict("cancelled")
FAILED = Verdict("failed", error=GatewayError("overloaded", "Busy.", status=429))
NOTHING = Verdict("done")  # a sigmoid model of which no label applies


def says(*labels: str) -> Verdict:
    return Verdict("done", labels, 0.9)


def guesses(label: str) -> Verdict:
    return Verdict("done", (label,), 0.1, sure=False)


CAT, DOG = says("cat"), says("dog")
CAT_GUESS, DOG_GUESS = guesses("cat"), guesses("dog")


@pytest.mark.parametrize(
    ("verdicts", "english", "french", "column"),
    [
        pytest.param([CAT], "", "", "", id="one model"),
        pytest.param([CAT_GUESS], "", "", "", id="one unsure model"),
        pytest.param([PENDING, PENDING], "", "", "", id="two pending"),
        pytest.param([FAILED, PENDING], "", "", "", id="one failed, one pending"),
        pytest.param(
            [FAILED] * 2, "None of the 2 models answered", "Aucun des 2 modèles n’a répondu", "", id="two failed"
        ),
        pytest.param(
            [FAILED, CANCELLED, FAILED],
            "None of the 3 models answered",
            "Aucun des 3 modèles n’a répondu",
            "",
            id="failed and cancelled",
        ),
        pytest.param([CAT, CAT], "Both models say cat", "Les deux modèles disent cat", "yes", id="both"),
        pytest.param(
            [CAT, CAT_GUESS],
            "Both models say cat; one is not sure",
            "Les deux modèles disent cat ; l’un d’eux n’est pas sûr",
            "yes, not sure",
            id="both, one unsure",
        ),
        pytest.param(
            [CAT_GUESS] * 2,
            "Both models guess cat; neither is sure",
            "Les deux modèles supposent cat ; aucun des deux n’est sûr",
            "yes, not sure",
            id="both unsure",
        ),
        pytest.param([CAT, DOG], "The models disagree", "Les modèles ne sont pas d’accord", "no", id="two disagree"),
        pytest.param(
            [CAT, DOG_GUESS],
            "The models disagree",
            "Les modèles ne sont pas d’accord",
            "no",
            id="two disagree, one unsure",
        ),
        pytest.param(
            [CAT_GUESS, DOG_GUESS],
            "The models disagree, and none is sure",
            "Les modèles ne sont pas d’accord, et aucun n’est sûr",
            "no",
            id="two disagree, none sure",
        ),
        pytest.param([CAT] * 3, "All three models say cat", "Les trois modèles disent cat", "yes", id="all three"),
        pytest.param(
            [CAT_GUESS] * 3,
            "All three models guess cat; none is sure",
            "Les trois modèles supposent cat ; aucun n’est sûr",
            "yes, not sure",
            id="all three unsure",
        ),
        pytest.param(
            [CAT, CAT, CAT_GUESS],
            "All three models say cat; one is not sure",
            "Les trois modèles disent cat ; l’un d’eux n’est pas sûr",
            "yes, not sure",
            id="all three, one unsure",
        ),
        pytest.param(
            [CAT, CAT_GUESS, CAT_GUESS],
            "All three models say cat; two are not sure",
            "Les trois modèles disent cat ; deux ne sont pas sûrs",
            "yes, not sure",
            id="all three, two unsure",
        ),
        pytest.param([CAT, CAT, DOG], "2 of 3 models say cat", "2 modèles sur 3 disent cat", "no", id="two of three"),
        pytest.param(
            [CAT_GUESS, CAT_GUESS, DOG],
            "2 of 3 models guess cat; neither is sure",
            "2 modèles sur 3 supposent cat ; aucun des deux n’est sûr",
            "no",
            id="two unsure of three",
        ),
        pytest.param(
            [CAT, CAT_GUESS, DOG],
            "2 of 3 models say cat; one is not sure",
            "2 modèles sur 3 disent cat ; l’un d’eux n’est pas sûr",
            "no",
            id="two of three, one unsure",
        ),
        pytest.param(
            [CAT, DOG, says("wolf")],
            "The models disagree",
            "Les modèles ne sont pas d’accord",
            "no",
            id="three disagree",
        ),
        pytest.param(
            [CAT, CAT, PENDING],
            "2 of 3 answered; both say cat",
            "2 sur 3 ont répondu ; les deux disent cat",
            "2 of 3",
            id="two of three, one pending",
        ),
        pytest.param(
            [CAT, CAT, FAILED],
            "2 of 3 answered; both say cat",
            "2 sur 3 ont répondu ; les deux disent cat",
            "2 of 3",
            id="two of three, one failed",
        ),
        pytest.param(
            [CAT_GUESS, CAT_GUESS, FAILED],
            "2 of 3 answered; both guess cat; neither is sure",
            "2 sur 3 ont répondu ; les deux supposent cat ; aucun des deux n’est sûr",
            "2 of 3",
            id="two unsure of three, one failed",
        ),
        pytest.param(
            [CAT, DOG, PENDING],
            "2 of 3 answered; the models disagree",
            "2 sur 3 ont répondu ; les modèles ne sont pas d’accord",
            "no",
            id="two disagree, one pending",
        ),
        pytest.param(
            [CAT, PENDING, PENDING],
            "1 of 3 answered: it says cat",
            "1 sur 3 a répondu : il dit cat",
            "1 of 3",
            id="one of three",
        ),
        pytest.param(
            [CAT_GUESS, FAILED, PENDING],
            "1 of 3 answered: its best guess is cat, but it is not sure",
            "1 sur 3 a répondu : il suppose cat, sans être sûr",
            "1 of 3",
            id="one unsure of three",
        ),
        pytest.param(
            [CAT, CAT, CAT, PENDING],
            "3 of 4 answered; all three say cat",
            "3 sur 4 ont répondu ; les trois disent cat",
            "3 of 4",
            id="three of four",
        ),
        pytest.param(
            [CAT, CAT, DOG, FAILED],
            "3 of 4 answered; 2 say cat",
            "3 sur 4 ont répondu ; 2 disent cat",
            "no",
            id="a majority of those that responded",
        ),
        pytest.param(
            [says("cat", "sofa"), says("sofa", "cat")],
            "Both models say cat, sofa",
            "Les deux modèles disent cat, sofa",
            "yes",
            id="sigmoid: two labels",
        ),
        pytest.param(
            [says("cat", "sofa"), says("cat")],
            "Both models say cat",
            "Les deux modèles disent cat",
            "yes",
            id="sigmoid: one more label",
        ),
        pytest.param(
            [NOTHING, NOTHING],
            "Both models find no label that applies",
            "Les deux modèles ne trouvent aucune étiquette qui convienne",
            "yes",
            id="sigmoid: none applies",
        ),
        pytest.param(
            [says("cat", "sofa"), NOTHING],
            "The models disagree",
            "Les modèles ne sont pas d’accord",
            "no",
            id="sigmoid: one finds nothing",
        ),
        pytest.param(
            [NOTHING, PENDING],
            "1 of 2 answered: it finds no label that applies",
            "1 sur 2 a répondu : il ne trouve aucune étiquette qui convienne",
            "1 of 2",
            id="sigmoid: nothing yet",
        ),
    ],
)
def test_the_sentence_counts_every_chosen_model(
    verdicts: list[Verdict], english: str, french: str, column: str
) -> None:
    found = agreement(dict(zip("abcd", verdicts, strict=False)))
    assert (sentence(found, EN), sentence(found, FR), short(found, EN)) == (english, french, column)


def test_the_notes_name_those_that_differ_and_count_those_that_are_missing() -> None:
    found = agreement({"a": CAT, "b": CAT, "c": DOG_GUESS, "d": FAILED})
    assert notes(found, MODELS, EN) == ["C guesses dog", "1 failed"]
    found = agreement({"a": CAT, "b": NOTHING, "c": PENDING, "d": CANCELLED})
    assert notes(found, MODELS, EN) == [
        "A says cat", "B finds no label that applies", "1 cancelled", "waiting for 1 more …",
    ]  # fmt: skip


def test_models_with_other_labels_are_not_expected_to_agree() -> None:
    found = agreement({"a": CAT, "few": says("animal")})
    assert EN("agree_other_labels") in notes(found, MODELS, EN)
    assert EN("agree_other_labels") not in notes(agreement({"a": CAT, "b": DOG}), MODELS, EN)


@pytest.mark.parametrize(
    ("verdicts", "label"),
    [
        pytest.param({}, "", id="no model"),
        pytest.param({"a": Verdict("pending"), "b": Verdict("done")}, "", id="no label"),
        pytest.param({"a": Verdict("done", ("cat",)), "b": Verdict("done", ("dog",))}, "cat", id="the first of two"),
        pytest.param(
            {"a": Verdict("done", ("cat",)), "b": Verdict("done", ("dog", "sofa")), "c": Verdict("done", ("sofa",))},
            "sofa",
            id="most of three",
        ),
    ],
)
def test_the_visitor_is_asked_about_the_label_that_most_models_say(verdicts: dict[str, Verdict], label: str) -> None:
    assert asked_label(verdicts) == label
