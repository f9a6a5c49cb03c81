"""Keys that sign JWTs, and their PEM files."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.tokens.signing_key import ES256, RS256, SigningKeyError, new_key, stored_key


def test_a_signing_key_is_created_once_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = stored_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stored_key(path).key_set == made.key_set


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("nonsense", id="nonsense"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="truncated"),
    ],
)
def test_the_error_about_an_invalid_signing_key_names_the_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.pem"
    path.write_text(content)
    with pytest.raises(SigningKeyError) as refused:
        stored_key(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_the_error_about_a_signing_key_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "no" / "key.pem"
    with pytest.raises(SigningKeyError) as refused:
        stored_key(path)
    assert str(refused.value).startswith(f"{path}: cannot be written: ")


@pytest.mark.parametrize("algorithm", [RS256, ES256])
def test_a_key_is_created_for_the_algorithm_and_read_again(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "key.pem"
    assert stored_key(path, algorithm).algorithm == algorithm
    assert stored_key(path).algorithm == algorithm


def test_a_key_for_another_algorithm_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    stored_key(path, ES256)
    with pytest.raises(SigningKeyError, match="ES256"):
        stored_key(path, RS256)


def test_a_key_on_another_curve_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = ec.generate_private_key(ec.SECP384R1())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(SigningKeyError, match="P-256"):
        stored_key(path)


@pytest.mark.parametrize("algorithm", [RS256, ES256])
def test_a_key_set_holds_nothing_private(algorithm: str) -> None:
    [key] = new_key(algorithm).key_set["keys"]
    assert set(key) <= {"kty", "n", "e", "crv", "x", "y", "use", "alg", "kid"}
