"""Registers that the house keeps because no extract can tell: assessments, drills, contractors, trainings, incidents.

`declared` reads what a register is (reference/register.csv, register_field.csv), `entries` adds and lists what is entered,
`facts` turns it into the tables that rules judge, `demo` enters what a demo needs.
"""
