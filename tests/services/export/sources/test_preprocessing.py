from __future__ import annotations

import pytest

from services.catalog import load_catalog
from services.export.sources.preprocessing import preprocessing

pytestmark = pytest.mark.integration  # importing torch takes seconds


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "resnet152", "mobilenet-v3-large", "convnext-tiny", "vit-b-16"]
)
def test_torchvisions_weights_come_with_their_preprocessing(name: str) -> None:
    found = preprocessing(load_catalog()[name])
    assert (found.crop, found.mean) == (224, (0.485, 0.456, 0.406))


def test_the_entrys_own_preprocessing_is_used_as_it_is() -> None:
    model = load_catalog()["efficientnet-lite0"]
    assert preprocessing(model) == model.preprocess
