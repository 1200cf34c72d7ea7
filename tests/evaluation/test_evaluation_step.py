import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_mixing import mix_images
from eoinas_tf.errors import NonFiniteError
from eoinas_tf.evaluation.drop_path import DropPath, drop_path_probability
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.evaluation_step import EvaluationStep, build_evaluation_state
from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.space.genotype import Genotype

# Both cells omit node 3 from their outputs, so its convolution gets no gradient.
EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1), ("dil_conv_3x3", 2), ("skip_connect", 0))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
TOTAL_STEPS = 10
SETTINGS = {
    "genotype": "unused",
    "learning_rate": 0.1,
    "learning_rate_end": 0.02,
    "momentum": 0.5,
    "l2": 0.01,
    "gradient_clip_norm": 1.0,
    "drop_path": 0.5,
}


def new_network(config):
    network = EvaluationNetwork(GENOTYPE, 3, cells=3, init_channels=4, auxiliary=config.auxiliary_weight > 0)
    network.build((None, 8, 8, 1))
    return network


def new_step(class_factors=None, **arguments):
    keras.utils.set_random_seed(0)
    config = EvaluationConfig(**{**SETTINGS, **arguments})
    network, averaged_network = new_network(config), new_network(config) if config.ema_decay else None
    state = build_evaluation_state(config, network, TOTAL_STEPS, averaged_network)
    return EvaluationStep(state, config, TOTAL_STEPS, class_factors=class_factors)


def batch():
    images = tf.random.stateless_normal([6, 8, 8, 1], [1, 2])
    return images, tf.constant([0, 1, 2, 0, 1, 2])


def expected_update(step, images, labels, number):
    """The loss, and each weight's gradient after clipping and L2, in NumPy from one eager gradient."""
    network, config = step.state.network, step.config
    drop_path = DropPath(
        drop_path_probability(tf.constant(number), TOTAL_STEPS, config.drop_path),
        stateless_seed(config.seed, "drop path", number),
    )
    with tf.GradientTape() as tape:
        logits, auxiliary_logits = network(images, training=True, drop_path=drop_path)
        losses = [
            tf.reduce_mean(-tf.gather(tf.nn.log_softmax(values), labels, batch_dims=1))
            for values in (logits, auxiliary_logits)
        ]
        loss = losses[0] + 0.4 * losses[1]
    weights = network.trainable_variables
    gradients = tape.gradient(loss, weights)
    assert any(gradient is None for gradient in gradients)
    gradients = [
        np.zeros(weight.shape, np.float32) if gradient is None else np.asarray(gradient)
        for gradient, weight in zip(gradients, weights, strict=True)
    ]
    norm = np.sqrt(sum(np.sum(gradient.astype(np.float64) ** 2) for gradient in gradients))
    scale = min(1.0, 1.0 / norm)
    return float(loss), [
        gradient * scale + 0.01 * np.asarray(weight) for gradient, weight in zip(gradients, weights, strict=True)
    ]


@pytest.mark.parametrize(("schedule", "left"), [("cosine", 0.5 * (1 + np.cos(np.pi / 10))), ("linear", 0.9)])
def test_two_steps_are_clipped_decayed_sgd_with_momentum_on_a_schedule(schedule, left):
    step, (images, labels) = new_step(learning_rate_schedule=schedule), batch()
    weights = step.state.network.trainable_variables
    velocities, losses = [0.0] * len(weights), []
    for number in (0, 1):
        loss, gradients = expected_update(step, images, labels, number)
        losses.append(loss)
        before = [np.asarray(weight) for weight in weights]
        step.train(images, labels, tf.constant(number, tf.int64))
        learning_rate = (0.1, 0.02 + 0.08 * left)[number]
        velocities = [
            0.5 * velocity - learning_rate * gradient for velocity, gradient in zip(velocities, gradients, strict=True)
        ]
        for weight, old, velocity in zip(weights, before, velocities, strict=True):
            np.testing.assert_allclose(weight, old + velocity, rtol=1e-4, atol=1e-5, err_msg=weight.path)
    assert step.state.results.means(1).loss == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.usefixtures("untraced")
def test_test_results_weigh_images_and_leave_the_state_alone():
    step, (images, labels) = new_step(), batch()
    step.train(images, labels, tf.constant(0, tf.int64))
    before = [np.asarray(variable) for variable in step.state.network.variables]
    weights = tf.constant([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    means = step.test_all([(images, labels, weights)])
    probabilities = tf.nn.softmax(step.state.network(images)).numpy()
    assert means.loss == pytest.approx(-np.mean(np.log(probabilities[range(4), labels[:4]])), rel=1e-5)
    assert means.accuracy == pytest.approx(np.mean(probabilities[:4].argmax(1) == labels[:4].numpy()))
    assert means.top_5_accuracy == 1.0
    assert step.test_all([(images, labels, weights)] * 2) == pytest.approx(means)
    for variable, old in zip(step.state.network.variables, before, strict=True):
        np.testing.assert_array_equal(variable, old)


@pytest.mark.usefixtures("untraced")
def test_without_auxiliary_head_and_drop_path():
    step, (images, labels) = new_step(auxiliary_weight=0.0, drop_path=0.0), batch()
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, step.state.network(images, training=True))
    step.train(images, labels, tf.constant(0, tf.int64))
    assert step.state.results.means(1).loss == pytest.approx(float(tf.reduce_mean(loss)), rel=1e-4)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.3}, {"auxiliary_weight": 0.0}])
@pytest.mark.parametrize("pieces", [1, 2])
def test_the_bare_cross_entropy_is_the_main_head_s_with_plain_labels(settings, pieces):
    step, (images, labels) = new_step(drop_path=0.0, accumulation_steps=pieces, **settings), batch()
    losses = []
    for part in tf.split(tf.range(6), pieces):
        outputs = step.state.network(tf.gather(images, part), training=True)
        logits = outputs[0] if step.state.network.auxiliary_head is not None else outputs
        losses.append(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(labels, part), logits))
    step.train(images, labels, tf.constant(0, tf.int64))
    results = step.state.results
    assert results.mean_cross_entropy() == pytest.approx(np.mean(losses), rel=1e-4)
    is_bare = settings == {"auxiliary_weight": 0.0}
    assert (results.means(1).loss == pytest.approx(results.mean_cross_entropy(), rel=1e-6)) == is_bare


@pytest.mark.usefixtures("untraced")
def test_smoothing_is_of_both_losses_in_training_and_of_none_in_testing():
    step, (images, labels) = new_step(label_smoothing=0.3, auxiliary_weight=0.25, drop_path=0.0), batch()
    outputs = [tf.nn.log_softmax(values).numpy() for values in step.state.network(images, training=True)]
    targets = 0.1 + 0.7 * np.eye(3)[labels.numpy()]
    loss, auxiliary_loss = (-np.mean(np.sum(targets * values, axis=1)) for values in outputs)
    step.train(images, labels, tf.constant(0, tf.int64))
    assert step.state.results.means(1).loss == pytest.approx(loss + 0.25 * auxiliary_loss, rel=1e-4)
    bare = -np.mean(outputs[0][range(6), labels.numpy()])
    assert step.state.results.mean_cross_entropy() == pytest.approx(bare, rel=1e-4)

    logits = tf.nn.log_softmax(step.state.network(images)).numpy()
    means = step.test_all([(images, labels, tf.ones([6]))])
    assert means.loss == pytest.approx(-np.mean(logits[range(6), labels.numpy()]), rel=1e-4)


def test_top_5_accuracy_weighs_images():
    # Seven classes, of which the network prefers 6, 5, 4, 3 and 2 in this order, for every image.
    step, (images, _) = new_step(), batch()
    step.state = dataclasses.replace(step.state, network=lambda *_, **__: tf.tile(tf.range(7.0)[None], [6, 1]))
    weights = tf.constant([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    means = step.test_all([(images, tf.constant([6, 5, 2, 1, 0, 1]), weights)])
    assert (means.accuracy, means.top_5_accuracy) == pytest.approx((1 / 5, 3 / 5))


def test_warm_up_epochs_are_steps_of_the_whole():
    # Ten steps in five epochs: two epochs of warm-up are four steps.
    schedule = new_step(epochs=5, warmup_epochs=2, learning_rate_end=0.0).state.optimizer._learning_rate
    assert [float(schedule(step)) for step in (0, 3, 4, 7, 10)] == pytest.approx([0.025, 0.1, 0.1, 0.05, 0.0])


@pytest.mark.usefixtures("untraced")
def test_the_learning_rate_may_change_after_each_epoch_only():
    # Ten steps in five epochs: every two steps share a rate.
    step, (images, labels) = new_step(epochs=5, learning_rate_schedule="linear", learning_rate_updates="epoch"), batch()
    found, recorded = [], []
    for number in range(5):
        found.append(float(step.state.optimizer.learning_rate))
        step.train(images, labels, tf.constant(number, tf.int64))
        recorded.append(step.state.epoch_learning_rate)
    assert found == pytest.approx([0.1, 0.1, 0.084, 0.084, 0.068])
    assert recorded == found


@pytest.mark.usefixtures("untraced")
def test_a_rate_that_changes_in_each_step_is_recorded_as_that_of_the_next():
    step, (images, labels) = new_step(epochs=5, learning_rate_schedule="linear"), batch()
    step.train(images, labels, tf.constant(0, tf.int64))
    assert step.state.epoch_learning_rate == pytest.approx(0.092)


def test_a_bad_loss_is_named_with_its_step_and_steps_share_one_trace():
    step, (images, labels) = new_step(), batch()
    for number, factor in ((0, 1.0), (1, np.nan), (2, 1.0)):
        step.train(images * factor, labels, tf.constant(number, tf.int64))
    with pytest.raises(NonFiniteError, match=r"training step.* step 1 \(epoch 4\)"):
        step.state.results.means(4)
    assert step.train.experimental_get_tracing_count() == 1


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("pieces", [1, 2])
def test_class_factors_weigh_both_heads_losses_and_not_the_bare_one(pieces):
    factors = np.array([0.5, 1.0, 3.0], np.float32)
    step = new_step(factors, accumulation_steps=pieces, drop_path=0.0, label_smoothing=0.3)
    images, labels = batch()
    network = step.state.network
    halves = [slice(number * 6 // pieces, (number + 1) * 6 // pieces) for number in range(pieces)]
    outputs = [network(images[half], training=True) for half in halves]
    logits, auxiliary = (tf.concat([output[head] for output in outputs], axis=0) for head in range(2))
    own = factors[labels.numpy()]

    def smoothed(values):
        logs = np.asarray(tf.nn.log_softmax(values))
        return -(0.7 * logs[np.arange(6), labels.numpy()] + 0.1 * logs.sum(axis=1))

    expected = np.sum(own * (smoothed(logits) + 0.4 * smoothed(auxiliary))) / 6
    bare = -np.mean(np.asarray(tf.nn.log_softmax(logits))[np.arange(6), labels.numpy()])
    step.train(images, labels, tf.constant(0, tf.int64))
    assert step.state.results.means(1).loss == pytest.approx(expected, rel=1e-5)
    assert step.state.results.mean_cross_entropy() == pytest.approx(bare, rel=1e-5)


@pytest.mark.usefixtures("untraced")
def test_class_factors_of_one_change_nothing():
    results = []
    for factors in (None, np.ones(3, np.float32)):
        step = new_step(factors)
        step.train(*batch(), tf.constant(0, tf.int64))
        results.append([weight.numpy() for weight in step.state.network.trainable_variables])
    for plain, weighted in zip(*results, strict=True):
        np.testing.assert_allclose(plain, weighted, rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("untraced")
def test_averages_of_weights_and_statistics_follow_each_step_and_are_tested():
    step, plain, (images, labels) = new_step(ema_decay=0.15), new_step(), batch()
    network, averaged = step.state.network, step.state.averaged_network
    expected = [0.0] * len(network.variables)
    for number in range(4):
        for one in (step, plain):
            one.train(images, labels, tf.constant(number, tf.int64))
        decay = min(0.15, number / (number + 9))
        expected = [
            decay * old + (1 - decay) * np.asarray(variable)
            for old, variable in zip(expected, network.variables, strict=True)
        ]
        for average, value in zip(averaged.variables, expected, strict=True):
            np.testing.assert_allclose(average, value, rtol=1e-5, atol=1e-6)
    assert len(averaged.non_trainable_variables) > 0
    for variable, other in zip(network.variables, plain.state.network.variables, strict=True):
        np.testing.assert_array_equal(variable, other, err_msg="the averages changed the training")
    loss = float(tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, averaged(images))))
    for weight in network.trainable_variables:
        weight.assign(np.zeros(weight.shape))
    assert step.test_all([(images, labels, tf.ones([6]))]).loss == pytest.approx(loss, rel=1e-5)
    assert loss != pytest.approx(np.log(3), rel=1e-3)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(("alphas", "pieces"), [((0.4, 0.0), 1), ((0.0, 1.0), 1), ((0.4, 1.0), 2)])
def test_mixed_images_have_mixed_labels_in_both_losses_and_accuracy_by_the_larger_share(alphas, pieces):
    mixup_alpha, cutmix_alpha = alphas
    factors = np.array([0.5, 1.0, 3.0], np.float32)
    step = new_step(
        factors,
        mixup_alpha=mixup_alpha,
        cutmix_alpha=cutmix_alpha,
        accumulation_steps=pieces,
        drop_path=0.0,
        label_smoothing=0.3,
    )
    images, labels = batch()
    mixed = mix_images(images, labels, *alphas, stateless_seed(step.config.seed, "image mixing", 3))
    assert (mixed.images != images).numpy().any()
    parts = np.split(np.arange(6), pieces)
    outputs = [step.state.network(tf.gather(mixed.images, part), training=True) for part in parts]
    logits, auxiliary = (tf.concat([output[head] for output in outputs], axis=0).numpy() for head in range(2))
    shares = mixed.shares.numpy()[:, None]
    labels, partners = labels.numpy(), mixed.partner_labels.numpy()

    def loss(values, smoothing, weights):
        logarithms = np.asarray(tf.nn.log_softmax(values))
        targets = [(1 - smoothing) * np.eye(3)[classes] + smoothing / 3 for classes in (labels, partners)]
        soft = shares * weights[labels][:, None] * targets[0] + (1 - shares) * weights[partners][:, None] * targets[1]
        return -np.mean(np.sum(soft * logarithms, axis=1))

    step.train(images, tf.constant(labels), tf.constant(3, tf.int64))
    results = step.state.results
    expected = loss(logits, 0.3, factors) + 0.4 * loss(auxiliary, 0.3, factors)
    assert results.means(1).loss == pytest.approx(expected, rel=1e-4)
    assert results.mean_cross_entropy() == pytest.approx(loss(logits, 0.0, np.ones(3)), rel=1e-4)
    main = np.where(mixed.shares.numpy() >= 0.5, labels, partners)
    assert results.means(1).accuracy == pytest.approx(np.mean(logits.argmax(1) == main))


def test_the_optimizer_is_that_of_the_settings():
    settings = {"optimizer": "adamw", "learning_rate": 0.5, "weight_decay": 0.25}
    network = new_step().state.network
    config = EvaluationConfig(**{**SETTINGS, **settings})
    optimizer = build_evaluation_state(config, network, TOTAL_STEPS).optimizer
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert (optimizer.weight_decay, float(optimizer.learning_rate)) == (0.25, 0.5)
    config = EvaluationConfig(**{**SETTINGS, "weight_decay": 0.125})
    optimizer = build_evaluation_state(config, network, TOTAL_STEPS).optimizer
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert (optimizer.weight_decay, optimizer.momentum) == (0.125, 0.5)
