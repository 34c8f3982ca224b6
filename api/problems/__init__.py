"""Why a request is refused, as RFC 9457 problems with stable codes, in Chinese and English."""

from api.problems.catalogue import Catalogue
from api.problems.mapping import problem_of
from api.problems.problem import FieldError, Problem
from api.problems.statuses import STATUS

__all__ = ["STATUS", "Catalogue", "FieldError", "Problem", "problem_of"]
