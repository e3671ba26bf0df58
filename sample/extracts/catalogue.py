"""Which sources there are and in which months each is delivered."""

from __future__ import annotations

from sample.extracts import aid, changes, directory, others, poverty, registry, reported, young
from sample.extracts.base import Context, Extract

SOURCES = (
    "school_directory",
    "class_directory",
    "student_registry",
    "student_change",
    "vocational_registry",
    "preschool_registry",
    "graduate_register",
    "poverty_register",
    "aid_record",
    "two_later_survey",
    "population",
    "disability_roster",
    "reported_statistics",
)
_MONTHLY = set(SOURCES[:6])
_HALF_YEARLY = {"poverty_register", "aid_record"}


def due(source: str, period: str, first: str) -> bool:
    """Whether a source is delivered in a month; everything is delivered in the first month asked for."""
    if source in _MONTHLY or period == first:
        return True
    return period.endswith("-09") or (source in _HALF_YEARLY and period.endswith("-03"))


def build(source: str, context: Context, first: str) -> Extract:
    """The declaration of a source for a month."""
    draws, mi = context.draws, context.mi
    match source:
        case "school_directory":
            return directory.schools(draws)
        case "class_directory":
            return directory.classes(draws)
        case "student_registry":
            return registry.extract(draws, mi)
        case "student_change":
            return changes.extract(draws, mi)
        case "vocational_registry":
            return young.vocational(draws, mi)
        case "preschool_registry":
            return young.preschool(draws, mi)
        case "graduate_register":
            return others.graduates(draws, mi, others.cohorts(context.period, first, mi))
        case "poverty_register":
            return poverty.poverty(draws, mi)
        case "aid_record":
            return aid.extract(draws, mi)
        case "two_later_survey":
            return poverty.survey(draws, mi)
        case "population":
            return others.population(draws)
        case "disability_roster":
            return others.disability(draws, mi)
        case "reported_statistics":
            return reported.statistics(draws)
    raise KeyError(source)
