"""Distillation: the loss between labels and teacher, its gradient, and a student that learns by it."""

import numpy as np
import pytest
from gradients import numeric_gradient

from tinytorch.core.compression import DistillationLoss
from tinytorch.core.datasets import load_digits
from tinytorch.core.networks import create_mlp
from tinytorch.core.training import SGD, Accuracy, CrossEntropyLoss, Trainer

STUDENT, TEACHER = np.random.default_rng(1).normal(size=(2, 5, 4))
CLASSES = np.array([0, 3, 1, 1, 2])


def test_distillation_between_labels_and_teacher():
    """alpha 1 is the cross-entropy with the labels; alpha 0 is 0 for a student just like its teacher."""
    assert DistillationLoss(3.0, alpha=1)(STUDENT, TEACHER, CLASSES) == CrossEntropyLoss()(STUDENT, CLASSES)
    assert DistillationLoss(3.0, alpha=0)(TEACHER, TEACHER, CLASSES) == pytest.approx(0, abs=1e-12)
    hard, soft, both = (DistillationLoss(2.0, alpha=a)(STUDENT, TEACHER, CLASSES) for a in (1, 0, 0.25))
    assert both == pytest.approx(0.25 * hard + 0.75 * soft)


def test_distillation_soft_part_is_the_divergence():
    """The soft part is T^2 times the mean KL divergence of the softened probabilities."""
    T = 2.5

    def soften(logits):
        return np.exp(logits / T) / np.exp(logits / T).sum(axis=1, keepdims=True)

    p, q = soften(TEACHER), soften(STUDENT)
    expected = T**2 * (p * np.log(p / q)).sum(axis=1).mean()
    assert DistillationLoss(T, alpha=0)(STUDENT, TEACHER, CLASSES) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0, 0.3, 1])
def test_distillation_gradient_agrees_with_finite_differences(alpha):
    """backward gives the gradient with respect to the student's logits that finite differences give."""
    loss = DistillationLoss(3.0, alpha)
    expected = numeric_gradient(lambda logits: loss(logits, TEACHER, CLASSES), STUDENT)
    loss(STUDENT, TEACHER, CLASSES)
    np.testing.assert_allclose(loss.backward().data, expected, atol=1e-7)


def test_distillation_errors():
    """A temperature of 0, an alpha outside [0, 1] and logits of different shapes raise ValueError."""
    for temperature, alpha in ((0, 0.5), (3, -0.1), (3, 1.1)):
        with pytest.raises(ValueError, match="temperature must be above 0"):
            DistillationLoss(temperature, alpha)
    with pytest.raises(ValueError, match=r"\(5, 4\) and the teacher \(5, 3\)"):
        DistillationLoss()(STUDENT, TEACHER[:, :3], CLASSES)


def test_a_student_learns_from_its_teacher_alone():
    """A small student trained on a teacher's logits, without the labels, reads most digits."""
    (X, y), (X_test, y_test) = load_digits()
    teacher = create_mlp(64, [64], 10, seed=0)
    Trainer(teacher, SGD(learning_rate=0.1, momentum=0.9), CrossEntropyLoss()).fit((X, y), epochs=15, seed=0)
    student, loss = create_mlp(64, [16], 10, seed=1), DistillationLoss(temperature=3.0, alpha=0)
    optimizer, guidance = SGD(student.parameters(), learning_rate=0.02, momentum=0.9), teacher(X).data
    rng = np.random.default_rng(0)
    for _ in range(30):
        for rows in np.array_split(rng.permutation(len(X)), 45):
            loss(student(X[rows]), guidance[rows], y[rows])
            student.backward(loss.backward())
            optimizer.step()
    assert Accuracy()(student(X_test), y_test) > 0.9
