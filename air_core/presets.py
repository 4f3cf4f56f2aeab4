"""Settings to start from."""

from air_core.config import Config, ModelConfig, TrainConfig

PRESETS: dict[str, Config] = {
    # Our best: exact counting, a guide that searches for the next object and looks twice, scenes drawn
    # afresh at every step, also of warped copies of the digits, so that the decoder can paint what nobody
    # wrote yet, and a prior that is generous at first, so that the guide does not learn to leave every
    # canvas blank or a pair in one window.
    "multi_mnist": Config(
        model=ModelConfig(
            window_side=20,
            p_more=0.01,
            where_mean=(2.7, 0.0, 0.0),
            where_sd=(0.2, 1.0, 1.0),
            guide="attentive",
            encoder_sizes=(400, 200),
            decoder_sizes=(200, 400),
            activation="silu",
            initial_weights="he",
        ),
        train=TrainConfig(
            batches="fresh",
            warped=2,
            anneal_from=0.5,
            anneal_steps=400,
            batch_size=64,
            learning_rate=2e-3,
            steps=12_000,
            snapshot_every=2_400,
        ),
    ),
    # The numbers of Pyro's AIR tutorial. Hours on a CPU; here to compare and to learn from.
    "tutorial": Config(
        model=ModelConfig(
            window_side=20,
            prior="bernoulli_chain",
            p_more=0.5,
            embedding="none",
            predictor_sizes=(),
            baseline_sizes=(),
            decoder_bias=0.0,
            z_pres_bias=0.0,
            where_sd_start=0.7,
        ),
        train=TrainConfig(
            estimator="trace_graph",
            steps=200_000,
            batch_size=64,
            learning_rate=1e-4,
            baseline_learning_rate=1e-3,
            warmup_steps=0,
            decay="constant",
            snapshot_every=10_000,
        ),
    ),
}
