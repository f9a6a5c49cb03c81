"""The settings, and the errors for invalid ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from frontend.settings import SettingsError, read_settings

GOOD = {"API_GATEWAY": "http://127.0.0.1:8080", "API_KEY": "local"}


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    settings = read_settings(
        {
            "API_GATEWAY": "https://gateway.example/",
            "API_KEY_FILE": str(tmp_path / "key"),
            "HOST": "0.0.0.0",
            "PORT": "8080",
            "ALLOWED_ORIGINS": "https://page.example/, http://other.example:81",
            "IDLE_MINUTES": "0.5",
        }
    )
    assert settings.idle_minutes == 0.5
    assert settings.allowed_origins == {"https://page.example", "http://other.example:81"}
    assert (settings.gateway, settings.api_key) == ("https://gateway.example", "secret")
    assert (settings.host, settings.port, settings.shown_key) == ("0.0.0.0", 8080, None)


def test_the_key_is_in_no_representation() -> None:
    assert "local" not in repr(read_settings(GOOD))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"API_GATEWAY": ""}, "API_GATEWAY is not set", id="no gateway"),
        pytest.param({"API_GATEWAY": "gateway:8080"}, "API_GATEWAY must be", id="no scheme"),
        pytest.param({"API_GATEWAY": "ftp://gateway"}, "API_GATEWAY must be", id="another scheme"),
        pytest.param({"API_GATEWAY": "http://gateway:port"}, "API_GATEWAY must be", id="an invalid port"),
        pytest.param({"API_GATEWAY": "http://me:pw@gateway"}, "API_GATEWAY must be", id="a password"),
        pytest.param({"API_GATEWAY": "http://gateway/?a=b"}, "API_GATEWAY must be", id="a query"),
        pytest.param({"API_KEY": ""}, "API_KEY_FILE is not set", id="no key"),
        pytest.param({"API_KEY": "a\nb"}, "one line", id="a key of two lines"),
        pytest.param({"API_KEY_FILE": "/nowhere/key"}, "API_KEY_FILE /nowhere/key cannot be read", id="no such file"),
        pytest.param({"API_KEY_FILE": os.devnull}, "is empty", id="an empty file"),
        pytest.param({"SAMPLES": "cats"}, "SAMPLES must be a folder or none", id="other samples"),
        pytest.param({"ALLOWED_ORIGINS": "page.example"}, "ALLOWED_ORIGINS must be", id="an origin without a scheme"),
        pytest.param({"IDLE_MINUTES": "-1"}, "IDLE_MINUTES must be a number", id="a negative number"),
        pytest.param({"PORT": "abc"}, "PORT must be a number", id="not a number"),
        pytest.param({"PORT": ""}, "PORT must be a number", id="empty"),
        pytest.param({"PORT": "65536"}, "PORT must be a number", id="too high"),
    ],
)
def test_an_invalid_setting_is_refused_in_one_line_that_names_the_variable(change: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        read_settings(GOOD | change)
    assert "\n" not in str(refused.value)
