"""Settings: JSON, ranges, names."""

import dataclasses

import pytest

from air_core.config import Config, ConfigError, ModelConfig, SceneConfig, TrainConfig, parse_setting
from air_core.presets import PRESETS

SECTIONS = (SceneConfig, ModelConfig, TrainConfig)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    assert Config.from_dict(PRESETS[name].to_dict()) == PRESETS[name]


def test_no_two_settings_share_a_name():
    names = [item.name for section in SECTIONS for item in dataclasses.fields(section)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_is(section):
    for item in dataclasses.fields(section):
        assert item.metadata["doc"].endswith("."), item.name


@pytest.mark.parametrize("section", SECTIONS)
def test_every_range_is_kept_and_named(section):
    for item in dataclasses.fields(section):
        low, high = item.metadata["low"], item.metadata["high"]
        for bad in ([] if low is None else [low - 1]) + ([] if high is None else [high + 1]):
            value = (bad,) * 3 if isinstance(item.default, tuple) else bad
            with pytest.raises(ConfigError, match=item.name):
                section(**{item.name: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", "many"),
        ("steps", 1.5),
        ("steps", True),
        ("counts", ()),
        ("counts", (1, 1)),
        ("counts", 2),
        ("learning_rate", float("nan")),
        ("where_mean", (3.0, 0.0)),
        ("decay", "never"),
        ("canvas_side", 12),
    ],
)
def test_wrong_values_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=field):
        Config().with_settings(**{field: value})


def test_unknown_settings_are_refused_by_name():
    with pytest.raises(ConfigError, match="colour"):
        Config().with_settings(colour="red")
    broken = Config().to_dict()
    broken["train"]["colour"] = "red"
    with pytest.raises(ConfigError, match="colour"):
        Config.from_dict(broken)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("steps=7", 7),
        ("counts=0,1,3", (0, 1, 3)),
        ("learning_rate=2e-3", 2e-3),
        ("guide=basic", "basic"),
        ("decoder_sizes=", ()),
    ],
)
def test_parse_setting(text, value):
    assert parse_setting(text) == (text.partition("=")[0], value)


@pytest.mark.parametrize("text", ["steps", "colour=red", "steps=many"])
def test_parse_setting_refuses(text):
    with pytest.raises(ConfigError):
        parse_setting(text)
