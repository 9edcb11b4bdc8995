"""Distillation: the loss with which a small network (the student) learns from a large one (the teacher)."""

from __future__ import annotations

import numpy as np

from tinytorch.core.layers import ArrayOrTensor
from tinytorch.core.tensor import as_array
from tinytorch.core.training import CrossEntropyLoss, Loss, log_softmax


class DistillationLoss(Loss):
    """alpha * cross-entropy(student, labels) + (1 - alpha) * T^2 * KL(teacher || student), both softened.

    After Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network": the softened
    probabilities tell which wrong classes the teacher finds likely, and T^2 keeps that gradient's size
    whatever the temperature.

    Args:
        temperature: T, above 0; logits are divided by it before the softmax of the soft part.
        alpha: weight of the true labels, 0 (the teacher alone) to 1 (the labels alone).
    """

    def __init__(self, temperature: float = 3.0, alpha: float = 0.5):
        if temperature <= 0 or not 0 <= alpha <= 1:
            raise ValueError(f"temperature must be above 0, alpha in [0, 1], not {temperature}, {alpha}")
        self.temperature, self.alpha = temperature, alpha
        self._hard_loss = CrossEntropyLoss()

    def __call__(
        self, student_logits: ArrayOrTensor, teacher_logits: ArrayOrTensor, true_labels: ArrayOrTensor
    ) -> float:
        """The loss, 0 or more. Logits are (samples, classes), labels as for CrossEntropyLoss.

        `backward()` then gives the gradient with respect to the student's logits.
        """
        student, teacher = as_array(student_logits), as_array(teacher_logits)
        if student.shape != teacher.shape:
            raise ValueError(f"logits of the student {student.shape} and the teacher {teacher.shape} differ")
        hard = self._hard_loss(student, true_labels)
        log_student = log_softmax(student / self.temperature)
        log_teacher = log_softmax(teacher / self.temperature)
        soft = (np.exp(log_teacher) * (log_teacher - log_student)).sum() / len(student) * self.temperature**2
        soft_gradient = (np.exp(log_student) - np.exp(log_teacher)) / len(student) * self.temperature
        hard_gradient = self._hard_loss.backward().data
        self._gradient = self.alpha * hard_gradient + (1 - self.alpha) * soft_gradient
        return float(self.alpha * hard + (1 - self.alpha) * soft)
