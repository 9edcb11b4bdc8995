"""Training: losses and their gradients, metrics, optimizers, and a network that really learns."""

import numpy as np
import pytest
from gradients import numeric_gradient
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.core.datasets import load_digits
from tinytorch.core.layers import Dense
from tinytorch.core.networks import Sequential, create_mlp
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import SGD, Accuracy, Adam, CrossEntropyLoss, MeanSquaredError, Trainer

LOGITS = np.array([[2.0, 1.0, -1.0], [0.0, 0.5, 3.0]])
LABELS = np.array([0, 1])


def test_cross_entropy_is_the_mean_negative_log_likelihood():
    """Cross-entropy is the mean of -log(probability of the true class), from numbers or one-hot rows."""
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    expected = -np.log(probabilities[[0, 1], LABELS]).mean()
    assert CrossEntropyLoss()(LOGITS, LABELS) == pytest.approx(expected)
    assert CrossEntropyLoss()(Tensor(LOGITS), Tensor(np.eye(3)[LABELS])) == pytest.approx(expected)


def test_cross_entropy_stays_finite():
    """Huge logits give a finite loss and gradient: no overflow, no log of 0."""
    loss = CrossEntropyLoss()
    assert loss(np.array([[1000.0, -1000.0]]), np.array([1])) == pytest.approx(2000)
    assert loss.backward().tolist() == [[1, -1]]


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_loss_gradients_agree_with_finite_differences(samples, classes, seed):
    """Each loss's backward gives the gradient that finite differences give."""
    rng = np.random.default_rng(seed)
    predictions = rng.normal(size=(samples, classes))
    for loss, target in (
        (CrossEntropyLoss(), rng.integers(0, classes, samples)),
        (MeanSquaredError(), rng.normal(size=(samples, classes))),
    ):
        expected = numeric_gradient(lambda p, loss=loss, target=target: loss(p, target), predictions)
        loss(predictions, target)
        np.testing.assert_allclose(loss.backward().data, expected, atol=1e-7)


def test_mean_squared_error():
    """The mean squared error averages over all elements; shapes that differ raise ValueError."""
    assert MeanSquaredError()(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 2
    with pytest.raises(ValueError, match=r"\(2, 1\) and targets of \(2,\)"):
        MeanSquaredError()(np.ones((2, 1)), np.ones(2))


def test_accuracy():
    """Accuracy is the share of rows whose largest number stands at the true class."""
    predictions = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    assert Accuracy()(predictions, np.array([0, 1, 1, 1])) == 0.75
    assert Accuracy()(Tensor(predictions), np.eye(2)[[0, 1, 1, 1]]) == 0.75


@pytest.mark.parametrize("measure", [CrossEntropyLoss(), Accuracy()])
def test_labels_that_do_not_fit_are_refused(measure):
    """Labels out of range, of the wrong number or shape raise ValueError; fractions raise TypeError."""
    for labels in ([0, 3], [-1, 0], [0], [[0], [1]]):
        with pytest.raises(ValueError, match="do not fit"):
            measure(LOGITS, np.array(labels))
    with pytest.raises(TypeError, match="integers"):
        measure(LOGITS, np.array([0.0, 1.0]))


def test_backward_before_a_call_raises():
    """A loss without a value has no gradient: RuntimeError."""
    with pytest.raises(RuntimeError, match="compute the loss first"):
        CrossEntropyLoss().backward()


def parameter_with(gradient):
    parameter = Tensor(np.array([1.0], np.float32))
    parameter.grad = np.array([gradient])
    return parameter


def test_sgd_follows_its_formula():
    """SGD subtracts learning_rate * v, with v = momentum * v + gradient."""
    parameter = parameter_with(2.0)
    SGD([parameter], learning_rate=0.1).step()
    assert parameter.data[0] == pytest.approx(0.8)
    parameter = parameter_with(2.0)
    optimizer = SGD([parameter], learning_rate=0.1, momentum=0.5)
    optimizer.step()
    optimizer.step()
    assert parameter.data[0] == pytest.approx(1 - 0.1 * 2 - 0.1 * (0.5 * 2 + 2))


def test_adam_first_step_is_the_learning_rate():
    """Adam's first step has the length of the learning rate, whatever the gradient's size."""
    for gradient in (1e-3, 50.0):
        parameter = parameter_with(gradient)
        Adam([parameter], learning_rate=0.01).step()
        assert parameter.data[0] == pytest.approx(0.99, rel=1e-4)


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_step_keeps_float32_and_the_callers_array(optimizer):
    """A step keeps float32 and the array that a weight was made from, and skips what has no gradient."""
    array = np.ones(3, np.float32)
    parameter, untouched = Tensor(array), Tensor(np.ones(1))
    parameter.grad = np.ones(3, np.float64)
    stepper = optimizer([parameter, untouched], learning_rate=0.5)
    stepper.step()
    assert parameter.dtype == np.float32
    assert array.tolist() == [1, 1, 1] and parameter.tolist() != [1, 1, 1]
    assert untouched.tolist() == [1]
    stepper.zero_grad()
    assert parameter.grad is None


def test_training_recovers_a_linear_rule():
    """A single layer trained on y = 3 a - 2 b + 1 finds 3, -2 and 1."""
    X = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    y = X @ np.array([[3], [-2]], np.float32) + 1
    layer = Dense(2, 1, seed=0)
    Trainer(Sequential([layer]), SGD(learning_rate=0.1), MeanSquaredError()).fit((X, y), epochs=60, seed=0)
    np.testing.assert_allclose(layer.weights.data.ravel(), [3, -2], atol=1e-3)
    assert layer.bias.item() == pytest.approx(1, abs=1e-3)
    assert layer.weights.dtype == np.float32


def train_on_digits(epochs, seed=0):
    train, test = load_digits()
    model = create_mlp(64, [64], 10, seed=seed)
    optimizer = SGD(model.parameters(), learning_rate=0.1, momentum=0.9)
    trainer = Trainer(model, optimizer, CrossEntropyLoss(), metrics=[Accuracy()])
    return trainer, trainer.fit(train, val_data=test, epochs=epochs, seed=seed), test


def test_an_mlp_reads_handwritten_digits():
    """An MLP trained on the digits reads more than 95 % of those it has never seen."""
    trainer, history, test = train_on_digits(epochs=15)
    assert trainer.evaluate(test)["accuracy"] > 0.95
    assert history["train_loss"][-1] < history["train_loss"][0] / 5
    assert all(parameter.dtype == np.float32 for parameter in trainer.model.parameters())


def test_history_has_a_value_per_epoch():
    """fit returns a list per measure with a value per epoch; the last one is what evaluate says."""
    trainer, history, test = train_on_digits(epochs=3)
    names = {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "epoch_times"}
    assert history.keys() == names
    assert all(len(values) == 3 for values in history.values())
    results = trainer.evaluate(test)
    assert results["accuracy"] == pytest.approx(history["val_accuracy"][-1])
    assert results["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_a_seed_repeats_the_training():
    """The same seeds give the same network."""
    one, same = (train_on_digits(epochs=1, seed=7)[0].model for _ in range(2))
    np.testing.assert_array_equal(one.layers[0].weights.data, same.layers[0].weights.data)


def test_ready_batches_train_too():
    """An iterable of (X, y) batches trains as arrays do; one that is used up raises ValueError."""
    batches = [(np.ones((2, 3), np.float32), np.array([0, 1]))] * 2
    trainer = Trainer(create_mlp(3, [], 2, seed=0), SGD(), CrossEntropyLoss())
    assert len(trainer.fit(batches, epochs=2)["train_loss"]) == 2
    with pytest.raises(ValueError, match="no samples"):
        trainer.fit(iter(batches), epochs=2)


def test_verbose_prints_a_line_per_epoch(capsys):
    """verbose=True prints one line per epoch; the default prints nothing."""
    data = np.ones((2, 3), np.float32), np.array([0, 1])
    trainer = Trainer(create_mlp(3, [], 2), SGD(), CrossEntropyLoss())
    trainer.fit(data, epochs=2)
    assert capsys.readouterr().out == ""
    trainer.fit(data, epochs=2, verbose=True)
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["epoch", "1/2"],
        ["epoch", "2/2"],
    ]


def test_training_errors():
    """Data that do not match, empty data, a foreign optimizer and senseless settings raise ValueError."""
    model = create_mlp(3, [], 2)
    trainer = Trainer(model, SGD(), CrossEntropyLoss())
    with pytest.raises(ValueError, match=r"X has 4 samples .* y has 3"):
        trainer.fit((np.ones((4, 3)), np.zeros(3, int)))
    with pytest.raises(ValueError, match="no samples"):
        trainer.fit((np.ones((0, 3)), np.zeros(0, int)))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        trainer.fit((np.ones((1, 3)), np.zeros(1, int)), epochs=0)
    with pytest.raises(ValueError, match="does not hold this model's parameters"):
        Trainer(model, SGD(create_mlp(3, [], 2).parameters()), CrossEntropyLoss())
    with pytest.raises(ValueError, match="learning_rate"):
        SGD(learning_rate=0)
    with pytest.raises(ValueError, match="momentum"):
        SGD(momentum=1)
