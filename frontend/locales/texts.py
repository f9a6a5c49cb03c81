"""Every word the page says, in English and French, side by side. Labels stay as the models give them."""

from __future__ import annotations

from typing import Literal, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

# What a visitor cannot have done, nor mend.
BADLY_ASKED = (
    "The model did not understand the question; this is a fault of the page, or of what lies between.",
    "Le modèle n’a pas compris la question ; c’est un défaut de la page, ou de ce qui se trouve entre les deux.",
)

TEXTS: dict[str, tuple[str, str]] = {
    # The frame
    "tagline": ("One window, every image classifier.", "Un seul guichet, tous les classifieurs d’images."),
    "classify": ("Classify", "Classer"),
    "status": ("Status", "État"),
    "language": ("Language", "Langue"),
    "docs": ("API reference", "Référence de l’API"),
    "models": ("Models", "Modèles"),
    "models_help": (
        "Each is asked at the same time; comparing takes as long as the slowest.",
        "Tous sont interrogés en même temps ; comparer dure autant que le plus lent.",
    ),
    "options": ("Options", "Options"),
    "top": ("Labels per model", "Étiquettes par modèle"),
    "sure": ("“Not sure” below", "« Pas sûr » en dessous de"),
    "sure_help": (
        "Where a model’s best score is lower, the page says that it is not sure.",
        "Si le meilleur score d’un modèle est plus bas, la page dit qu’il n’est pas sûr.",
    ),
    "no_models": ("Choose at least one model.", "Choisissez au moins un modèle."),
    # The picture
    "picture": ("Picture", "Image"),
    "invite": ("Drop pictures anywhere, or paste one", "Déposez des images n’importe où, ou collez-en une"),
    "choose": ("Choose pictures", "Choisir des images"),
    "folder": ("Folder", "Dossier"),
    "camera": ("Camera", "Appareil photo"),
    "paste": ("Paste", "Coller"),
    "shoot": ("Take the picture", "Prendre la photo"),
    "close": ("Close", "Fermer"),
    "address": ("Or a picture’s address", "Ou l’adresse d’une image"),
    "samples": ("Or try one of these", "Ou essayez l’une de celles-ci"),
    "sample_chelsea": ("A cat", "Un chat"),
    "sample_coffee": ("A cup of coffee", "Une tasse de café"),
    "sample_rocket": ("A rocket", "Une fusée"),
    "preview_alt": ("The picture being classified: {name}", "L’image à classer : {name}"),
    "preparing": ("Preparing {done} of {total} …", "Préparation de {done} sur {total} …"),
    "made_smaller": ("Made smaller before sending: {before} → {after}", "Réduite avant l’envoi : {before} → {after}"),
    "many": ("{count} pictures", "{count} images"),
    "remove": ("Remove", "Retirer"),
    # Why a picture is not taken
    "no_camera": (
        "The camera cannot be used: the browser or its settings do not allow it.",
        "L’appareil photo ne peut être utilisé : le navigateur ou ses réglages l’interdisent.",
    ),
    "no_picture_in_clipboard": (
        "There is no picture in the clipboard.",
        "Il n’y a pas d’image dans le presse-papiers.",
    ),
    "no_picture_in_files": ("There is no picture among these files.", "Il n’y a pas d’image parmi ces fichiers."),
    "too_many": (
        "Only the first {most} pictures are taken at a time.",
        "Seules les {most} premières images sont prises à la fois.",
    ),
    "refused_form": ("This is not a picture the page can take.", "Ce n’est pas une image que la page peut prendre."),
    "refused_empty": ("This file is empty.", "Ce fichier est vide."),
    "refused_size": ("This file is larger than 10 MB.", "Ce fichier dépasse 10 Mo."),
    "refused_url": (
        "This is not a web address: it should begin with http:// or https://.",
        "Ce n’est pas une adresse web : elle doit commencer par http:// ou https://.",
    ),
    # Before there is a picture
    "welcome_title": ("What is in your picture?", "Qu’y a-t-il sur votre image ?"),
    "welcome": (
        "Give it a picture, and every model you choose says what it sees, how sure it is, and how long it took.",
        "Donnez une image : chaque modèle choisi dit ce qu’il y voit, à quel point il en est sûr, et en combien de"
        " temps.",
    ),
    "honest": (
        "These models were trained on ImageNet: photos of {labels} kinds of things. They know no people, no text and"
        " nothing else; whatever you show, they name one of these kinds, and they can be wrong.",
        "Ces modèles ont été entraînés sur ImageNet : des photos de {labels} sortes de choses. Ils ne connaissent ni"
        " les personnes, ni le texte, ni rien d’autre ; quoi qu’on leur montre, ils nomment l’une de ces sortes, et ils"
        " peuvent se tromper.",
    ),
    "private": (
        "Your pictures go to the models and are forgotten when you leave; nobody else can see them.",
        "Vos images vont aux modèles et sont oubliées quand vous partez ; personne d’autre ne peut les voir.",
    ),
    # Answers
    "not_sure": ("Not sure", "Pas sûr"),
    "best_guess": ("Best guess: {label}", "Meilleure hypothèse : {label}"),
    "awake": ("awake", "éveillé"),
    "was_asleep": ("was asleep: {seconds} s to wake", "dormait : {seconds} s pour s’éveiller"),
    "asking": ("Asking …", "Question posée …"),
    "asking_long": (
        "No answer for more than {seconds} s: the model may be waking, or busy",
        "Pas de réponse depuis plus de {seconds} s : le modèle s’éveille peut-être, ou est occupé",
    ),
    "waiting": ("Waiting for its turn …", "Attend son tour …"),
    "waking_usually": ("Waking, usually {seconds} s", "S’éveille, d’habitude en {seconds} s"),
    "waking_unknown": (
        "Waking; the first start can take a minute",
        "S’éveille ; le premier démarrage peut prendre une minute",
    ),
    "cancelled": ("Cancelled", "Annulé"),
    "network": ("network", "réseau"),
    "fetch": ("fetch", "téléchargement"),
    "decode": ("decode", "décodage"),
    "queue": ("queue", "file"),
    "infer": ("infer", "inférence"),
    "time": ("{total} in all", "{total} en tout"),
    "agree_all": ("All {count} models agree: {label}", "Les {count} modèles sont d’accord : {label}"),
    "agree_most": ("{votes} of {count} models say {label}", "{votes} modèles sur {count} disent {label}"),
    "agree_no": ("The models do not agree", "Les modèles ne sont pas d’accord"),
    "agree_pending": ("Waiting for {count} more …", "Encore {count} à venir …"),
    "says": ("{model} says {label}", "{model} dit {label}"),
    "announce": ("{model}: {label}, {score}", "{model} : {label}, {score}"),
    "announce_failed": ("{model}: {reason}", "{model} : {reason}"),
    "again": ("Try again", "Réessayer"),
    "request_id": ("Request {id}", "Requête {id}"),
    # The model's card
    "details": ("Details and code", "Détails et code"),
    "about": ("About this model", "À propos de ce modèle"),
    "about_failed": (
        "The model’s card cannot be shown: {reason}",
        "La fiche du modèle ne peut être affichée : {reason}",
    ),
    "card_architecture": ("Architecture", "Architecture"),
    "card_input": ("Input", "Entrée"),
    "card_labels": ("Labels", "Étiquettes"),
    "card_precision": ("Precision", "Précision"),
    "card_version": ("Version", "Version"),
    "card_receipt": ("Receipt", "Reçu"),
    "trained_on": (
        "Trained on ImageNet-1k, photos of {labels} kinds of things. It always answers one of these kinds, even where"
        " none is right; the score is how sure it is, not how right.",
        "Entraîné sur ImageNet-1k, des photos de {labels} sortes de choses. Il répond toujours l’une de ces sortes,"
        " même si aucune n’est juste ; le score dit combien il est sûr, non combien il a raison.",
    ),
    # For developers
    "code": ("Use from code", "Par programme"),
    "code_key": (
        "Put your API key into the environment variable API_KEY first.",
        "Mettez d’abord votre clé d’API dans la variable d’environnement API_KEY.",
    ),
    "code_file": (
        "The file {name} should lie in the folder where you run this.",
        "Le fichier {name} doit se trouver dans le dossier où vous l’exécutez.",
    ),
    "copy": ("Copy", "Copier"),
    "copied": ("Copied", "Copié"),
    "save_picture": ("Save the picture", "Enregistrer l’image"),
    "hugging_face": ("Hugging Face client", "Client Hugging Face"),
    # Many pictures
    "progress": ("{done} of {total} answers", "{done} réponses sur {total}"),
    "cancel": ("Cancel", "Annuler"),
    "resume": ("Resume", "Reprendre"),
    "download_csv": ("Download CSV", "Télécharger en CSV"),
    "download_json": ("Download JSON", "Télécharger en JSON"),
    "sum_agreement": ("Models agree", "Modèles d’accord"),
    "sum_agreement_of": ("{agreed} of {compared}", "{agreed} sur {compared}"),
    "sum_unsure": ("Not sure", "Pas sûrs"),
    "sum_failed": ("Failed", "Échecs"),
    "sum_median": ("{model}, median", "{model}, médiane"),
    "sum_rate": ("Answers per second", "Réponses par seconde"),
    "filter": ("Filter by name or label", "Filtrer par nom ou étiquette"),
    "only": ("Show", "Afficher"),
    "only_all": ("everything", "tout"),
    "only_differ": ("where models differ", "où les modèles diffèrent"),
    "only_unsure": ("where one is not sure", "où l’un n’est pas sûr"),
    "only_failed": ("what failed", "ce qui a échoué"),
    "column_picture": ("Picture", "Image"),
    "column_agree": ("Agree", "D’accord"),
    "yes": ("yes", "oui"),
    "no": ("no", "non"),
    "pending": ("…", "…"),
    "failed": ("failed", "échec"),
    "unsure": ("not sure", "pas sûr"),
    "sort_by": ("Sort by {column}", "Trier par {column}"),
    "open_picture": ("Show the answers for {name}", "Montrer les réponses pour {name}"),
    "rows_shown": ("{shown} of {total} pictures", "{shown} images sur {total}"),
    "table_title": ("Pictures and what each model says", "Les images et ce qu’en dit chaque modèle"),
    # Status
    "status_title": ("What is running", "Ce qui tourne"),
    "status_note": (
        "Opening this page asks every model whether it is ready, which wakes those that sleep.",
        "Ouvrir cette page demande à chaque modèle s’il est prêt, ce qui éveille ceux qui dorment.",
    ),
    "check_again": ("Check again", "Vérifier encore"),
    "state_unknown": ("not asked yet", "pas encore interrogé"),
    "state_waking": ("waking", "s’éveille"),
    "state_awake": ("ready", "prêt"),
    "state_failed": ("not answering", "ne répond pas"),
    "latency": ("Recent answers", "Réponses récentes"),
    "latency_none": ("none yet", "aucune encore"),
    "latency_text": (
        "median {median}, slowest {slowest}, of {count}",
        "médiane {median}, la plus lente {slowest}, sur {count}",
    ),
    "wakes_in": ("Usually wakes in {seconds} s", "S’éveille d’habitude en {seconds} s"),
    # What went wrong, by code
    "error_unreachable": (
        "The gateway cannot be reached, or closed the connection without an answer.",
        "La passerelle est injoignable ou a coupé la connexion sans répondre.",
    ),
    "error_too_slow": ("No answer came in time.", "Aucune réponse n’est arrivée à temps."),
    "error_not_understood": (
        "What answers at the gateway’s address does not speak its language.",
        "Ce qui répond à l’adresse de la passerelle ne parle pas sa langue.",
    ),
    "error_redirected": (
        "The gateway’s address answers with a redirect, not with an answer.",
        "L’adresse de la passerelle répond par une redirection, pas par une réponse.",
    ),
    "error_http_400": (
        "The gateway refuses the question, most likely because of the page’s API key.",
        "La passerelle refuse la question, sans doute à cause de la clé d’API de la page.",
    ),
    "error_http_401": (
        "The gateway does not accept the page’s API key.",
        "La passerelle n’accepte pas la clé d’API de la page.",
    ),
    "error_http_403": (
        "The page’s API key may not use this model.",
        "La clé d’API de la page ne permet pas d’utiliser ce modèle.",
    ),
    "error_http_404": ("The gateway does not know this model.", "La passerelle ne connaît pas ce modèle."),
    "error_http_413": ("The picture is too large for the gateway.", "L’image est trop grande pour la passerelle."),
    "error_http_429": (
        "Too many questions at once; try again in a moment.",
        "Trop de questions à la fois ; réessayez dans un instant.",
    ),
    "error_http_503": (
        "This model is not running at the moment; the others are not affected.",
        "Ce modèle ne tourne pas en ce moment ; les autres ne sont pas touchés.",
    ),
    "error_http_504": ("The model did not answer in time.", "Le modèle n’a pas répondu à temps."),
    "error_overloaded": (
        "The model is busy; try again in a moment.",
        "Le modèle est occupé ; réessayez dans un instant.",
    ),
    "error_image_unsupported": (
        "This is not a picture the models can read: JPEG, PNG, WebP, GIF or BMP.",
        "Ce n’est pas une image que les modèles savent lire : JPEG, PNG, WebP, GIF ou BMP.",
    ),
    "error_image_corrupt": ("The picture is damaged and cannot be read.", "L’image est abîmée et ne peut être lue."),
    "error_image_too_many_pixels": ("The picture has too many pixels.", "L’image a trop de pixels."),
    "error_image_too_complex": (
        "The picture takes too much work to decode.",
        "L’image demande trop de travail pour être décodée.",
    ),
    "error_body_too_large": ("The picture is too large.", "L’image est trop grande."),
    "error_url_blocked": (
        "The models may not fetch from this address.",
        "Les modèles n’ont pas le droit d’aller à cette adresse.",
    ),
    "error_url_invalid": (
        "This is not an address from which a picture can be fetched.",
        "Ce n’est pas une adresse d’où une image peut être obtenue.",
    ),
    "error_url_disabled": (
        "The models here do not fetch pictures from addresses; give the picture itself.",
        "Ici les modèles ne vont pas chercher d’images à une adresse ; donnez l’image elle-même.",
    ),
    "error_fetch_failed": (
        "No picture could be fetched from this address.",
        "Aucune image n’a pu être obtenue à cette adresse.",
    ),
    "error_fetch_timeout": (
        "The address did not send its picture in time.",
        "L’adresse n’a pas envoyé son image à temps.",
    ),
    "error_fetch_truncated": (
        "The address sent only a part of its picture.",
        "L’adresse n’a envoyé qu’une partie de son image.",
    ),
    "error_fetch_type": ("There is no picture at this address.", "Il n’y a pas d’image à cette adresse."),
    "error_fetch_encoding": (
        "The address sent its picture in a form that cannot be read.",
        "L’adresse a envoyé son image sous une forme illisible.",
    ),
    "error_fetch_redirects": (
        "The address leads on to others, too many times.",
        "L’adresse renvoie à d’autres, trop de fois.",
    ),
    "error_fetch_too_large": ("The picture at this address is too large.", "L’image à cette adresse est trop grande."),
    "error_queue_timeout": (
        "The model is too busy to answer in time; try again in a moment.",
        "Le modèle est trop occupé pour répondre à temps ; réessayez dans un instant.",
    ),
    "error_out_of_memory": (
        "The model has no memory left for this question; try again in a moment.",
        "Le modèle n’a plus assez de mémoire pour cette question ; réessayez dans un instant.",
    ),
    "error_stopping": (
        "The model is being restarted; try again in a moment.",
        "Le modèle redémarre ; réessayez dans un instant.",
    ),
    "error_body_timeout": (
        "The picture did not reach the model in time; try again.",
        "L’image n’est pas arrivée à temps au modèle ; réessayez.",
    ),
    "error_request_timeout": (
        "The question did not reach the model in time; try again.",
        "La question n’est pas arrivée à temps au modèle ; réessayez.",
    ),
    "error_internal": (
        "The model failed to answer; this is a fault of the model’s service.",
        "Le modèle n’a pas su répondre ; c’est un défaut de son service.",
    ),
    "error_input_ambiguous": BADLY_ASKED,
    "error_json_invalid": BADLY_ASKED,
    "error_multipart_invalid": BADLY_ASKED,
    "error_parameter_invalid": BADLY_ASKED,
    "error_media_type_unsupported": BADLY_ASKED,
    "error_body_malformed": BADLY_ASKED,
    "error_request_malformed": BADLY_ASKED,
    "error_expectation_failed": BADLY_ASKED,
    "error_uri_too_long": BADLY_ASKED,
    "error_headers_too_large": BADLY_ASKED,
    "error_transfer_coding_unsupported": BADLY_ASKED,
    "error_not_ready": (
        "The model is still starting; try again in a moment.",
        "Le modèle démarre encore ; réessayez dans un instant.",
    ),
    "error_model_output_invalid": (
        "The model gave an answer that makes no sense.",
        "Le modèle a donné une réponse qui n’a pas de sens.",
    ),
    "error_page_failed": (
        "The page itself failed to ask; this is a fault of the page.",
        "La page elle-même n’a pas pu poser la question ; c’est un défaut de la page.",
    ),
    "error_other": (
        "The gateway answered, but not with an answer (status {status}).",
        "La passerelle a répondu, mais pas par une réponse (statut {status}).",
    ),
    "page_error": (
        "Something went wrong in the page itself. Reload it to start afresh.",
        "Quelque chose a mal tourné dans la page elle-même. Rechargez-la pour recommencer.",
    ),
}


class Texts:
    """The page's words in one language: `say("many", count=3)`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        return TEXTS[key][self._column].format(**values)

    def has(self, key: str) -> bool:
        return key in TEXTS

    def percent(self, share: float) -> str:
        """69 % as a reader of this language writes it; what is more than nothing is never 0 %."""
        number = "<1" if 0 < share < 0.005 else f"{share * 100:.0f}"
        return f"{number}{'%' if self.language == 'en' else ' %'}"

    def duration(self, milliseconds: float) -> str:
        """42 ms, or 1.3 s."""
        if milliseconds < 999.5:
            return f"{milliseconds:.0f} ms"
        return f"{self.number(milliseconds / 1000)} s"

    def number(self, value: float, digits: int = 1) -> str:
        text = f"{value:.{digits}f}"
        return text.replace(".", ",") if self.language == "fr" else text

    def size(self, count: int) -> str:
        """A number of bytes, as people say it."""
        unit, large = ("kB", "MB") if self.language == "en" else ("ko", "Mo")
        return f"{self.number(count / 1e6)} {large}" if count >= 1e6 else f"{max(count / 1e3, 1):.0f} {unit}"


def language_of(locale: str | None) -> Language:
    """The page's language for a browser's locale, such as fr-CA."""
    return "fr" if (locale or "").lower().split("-")[0] == "fr" else "en"
