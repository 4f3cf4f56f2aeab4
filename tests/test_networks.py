"""The networks' shapes, starts and equalities."""

import pytest
import torch

from air_core.networks import (
    ACTIVATIONS,
    EMBEDDINGS,
    MLP,
    Baseline,
    Decoder,
    NormalHead,
    Predictor,
    SceneLSTM,
    he_initial_weights,
    inverse_softplus,
    positive_sd,
)


def test_scene_lstm_equals_torchs_cell():
    ours, theirs = SceneLSTM(5, 3, 4), torch.nn.LSTMCell(8, 4)
    with torch.no_grad():
        theirs.weight_ih.copy_(torch.cat([ours.scene.weight, ours.step.weight[:, :3]], 1))
        theirs.weight_hh.copy_(ours.step.weight[:, 3:])
        theirs.bias_ih.copy_(ours.scene.bias)
        theirs.bias_hh.zero_()
    scene, inputs = torch.rand(2, 5), torch.rand(2, 3)
    state = torch.rand(2, 4), torch.rand(2, 4)
    for a, b in zip(
        ours(ours.read_scene(scene), [inputs], state), theirs(torch.cat([scene, inputs], 1), state)
    ):
        torch.testing.assert_close(a, b)


def test_decoder_starts_dark():
    painted = Decoder(50, (200,), 28, bias=-2.0)(torch.randn(10, 50))
    assert painted.shape == (10, 28, 28)
    assert 0 < painted.min() and painted.max() < 0.5


def test_predictor_starts_hopeful_and_narrow():
    logit, mean, raw_sd = Predictor(256, (200,), z_pres_bias=2.0, where_sd_start=0.1)(torch.zeros(4, 256))
    sd = positive_sd(raw_sd)
    assert logit.shape == (4, 1) and mean.shape == sd.shape == (4, 3)
    assert (torch.sigmoid(logit) > 0.8).all() and (sd < 0.2).all() and mean.abs().max() < 0.2


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings_say_their_size(name):
    embedding = EMBEDDINGS[name](50, 32)
    assert embedding(torch.rand(3, 50, 50)).shape == (3, embedding.size)


def test_baseline_only_learns_itself():
    baseline = Baseline(5, 3, 4, ())
    inputs = torch.rand(2, 3, requires_grad=True)
    value, _ = baseline(baseline.rnn.read_scene(torch.rand(2, 5)), [inputs], baseline.rnn.start(2))
    value.sum().backward()
    assert value.shape == (2,) and inputs.grad is None


def test_small_things():
    assert torch.nn.functional.softplus(torch.tensor(inverse_softplus(0.3))).item() == pytest.approx(0.3)
    mean, sd = NormalHead(4, (), 2)(torch.rand(3, 4))
    assert mean.shape == sd.shape == (3, 2) and (sd > 0).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_he_weights_keep_the_variance_and_start_with_small_outputs(activation):
    torch.manual_seed(0)
    layers = MLP(400, (300, 200), 50, activation, initial_gain=0.1)
    he_initial_weights(layers)
    hidden = torch.nn.Sequential(*list(layers)[:-1])(torch.randn(500, 400))
    assert 0.4 < hidden.square().mean() < 2.5
    assert 0.05 < layers[-1](hidden).std() < 0.3
    assert not any(layer.bias.any() for layer in layers if hasattr(layer, "bias"))


def test_he_weights_leave_recurrent_cells_alone():
    cell = SceneLSTM(4, 5, 6)
    before = [value.clone() for value in cell.parameters()]
    he_initial_weights(torch.nn.Sequential(cell))
    assert all(map(torch.equal, before, cell.parameters()))
