from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kg.config import SETTINGS, load
from kg.errors import BadSetting


def test_every_setting_has_a_default_and_a_variable() -> None:
    settings = load(environ={})
    for setting in SETTINGS:
        assert settings.values[setting.name] == setting.default
        other = "x" if isinstance(setting.default, str) else "7"
        other = "http://other" if setting.name == "base" else other
        if setting.name == "store.url":
            continue  # only its default is built yet
        other = "kafka://host/topic" if setting.name == "events.url" else other
        changed = load(environ={setting.variable: other})
        assert str(changed.values[setting.name]).removesuffix(".0") == other


def test_the_file_then_the_environment_then_what_is_given(tmp_path: Path) -> None:
    file = tmp_path / "mlg.toml"
    file.write_text('base = "http://file/"\ndata_dir = "file"\n[query]\nworkers = 5\n')
    assert load(file, environ={}).base == "http://file"
    assert load(environ={"MLG_CONFIG": str(file)}).integer("query.workers") == 5
    settings = load(file, environ={"MLG_BASE": "http://env"}, data_dir="given", base=None)
    assert (settings.base, str(settings.data_dir)) == ("http://env", "given")


def test_sources_keep_their_secrets_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    file = tmp_path / "mlg.toml"
    file.write_text(
        f"""
        [sources.mlflow]
        kind = "mlflow"
        url = "http://127.0.0.1:5000"
        token = "env:TOKEN"
        webhook_secret = "file:{tmp_path / "secret"}"
        links = {{person = "ldap"}}
        """
    )
    environ = {"TOKEN": "from the environment", "MLG_SOURCES_MLFLOW_URL": "http://elsewhere"}
    source = load(file, environ=environ).sources["mlflow"]
    assert source.kind == "mlflow"
    assert source.links == {"person": "ldap"}
    assert source.options == {
        "url": "http://elsewhere",
        "token": "from the environment",
        "webhook_secret": "from the file",
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("bsae = 'x'", "bsae"),
        ("[query]\nworkers = 'two'", "query.workers"),
        ("[query]\ntimeout_seconds = -1", "query.timeout_seconds"),
        ("base = 'localhost'", "localhost"),
        ("[store]\nurl = 'http://x'", "store.url"),
        ("[events]\nurl = 'amqp://x/y'", "events.url"),
        ("base = 3", "base"),
        ("[sources.x]\nurl = 'u'", "sources.x"),
        ("[sources.x]\nkind = 'memory'\nlinks = 'y'", "sources.x"),
        ("[sources.x]\nkind = 'memory'\npath = 'env:NOT_THERE'", "NOT_THERE"),
        ("[sources.x]\nkind = 'memory'\npath = 'file:/not/there'", "/not/there"),
        ("sources = 3", "sources"),
        ("not toml", "mlg.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "mlg.toml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=named):
        load(file, environ={})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", environ={})


def test_the_clock_can_be_moved() -> None:
    moved = load(environ={"MLG_CLOCK_OFFSET_SECONDS": "-3600"}).clock()
    assert abs(datetime.now(UTC) - timedelta(hours=1) - moved) < timedelta(minutes=1)
