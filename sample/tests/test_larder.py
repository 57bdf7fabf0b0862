import unittest
from fractions import Fraction

from larder import Line, Recipe, read, read_line, scale, written

BISCUIT = """Ship's biscuit
serves 4

500 g flour
1 1/2 tsp salt
weevils
"""


class Reading(unittest.TestCase):
    def test_a_recipe_has_a_title_a_number_of_people_and_lines(self):
        self.assertEqual(
            read(BISCUIT),
            Recipe(
                "Ship's biscuit",
                4,
                (
                    Line(Fraction(500), "g flour"),
                    Line(Fraction(3, 2), "tsp salt"),
                    Line(None, "weevils"),
                ),
            ),
        )

    def test_amounts_are_whole_broken_or_both(self):
        for text, amount in {"2 eggs": 2, "1/2 lime": Fraction(1, 2), "2 3/4 cups": 2.75}.items():
            with self.subTest(text):
                self.assertEqual(read_line(text).amount, amount)

    def test_a_number_inside_a_name_is_no_amount(self):
        self.assertEqual(read_line("flour, type 405"), Line(None, "flour, type 405"))

    def test_what_is_no_recipe_is_refused(self):
        for text in ["", "Soup", "Soup\nserves many\nwater", "Soup\nserves 0\nwater"]:
            with self.subTest(text), self.assertRaises(ValueError):
                read(text)

    def test_what_is_no_amount_is_refused(self):
        for text in ["1/0 egg", "1 2 eggs"]:
            with self.subTest(text), self.assertRaises(ValueError):
                read_line(text)


class Scaling(unittest.TestCase):
    def test_every_amount_is_scaled(self):
        self.assertEqual(
            str(scale(read(BISCUIT), 6)),
            "Ship's biscuit\nserves 6\n\n750 g flour\n2 1/4 tsp salt\nweevils",
        )

    def test_scaling_there_and_back_changes_nothing(self):
        recipe = read(BISCUIT)
        self.assertEqual(scale(scale(recipe, 7), 4), recipe)

    def test_a_meal_is_for_somebody(self):
        with self.assertRaises(ValueError):
            scale(read(BISCUIT), 0)


class Writing(unittest.TestCase):
    def test_amounts_are_written_as_cooks_do(self):
        for amount, text in {(4, 2): "2", (3, 2): "1 1/2", (2, 3): "2/3", (0, 1): "0"}.items():
            with self.subTest(text):
                self.assertEqual(written(Fraction(*amount)), text)
