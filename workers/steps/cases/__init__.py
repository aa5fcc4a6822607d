"""Steps of a case: visits, seals, witnesses, reports, packages, changes of licences."""
