"""That a wrong answer is seen: python3 -m unittest discover -s bench/peers -p '*_test.py'."""
import json
import math
import unittest

from queries import TOLERANCE, Answer, difference, without_chunks


def matrix(*series, status: int = 200) -> Answer:
    result = [{"metric": metric, "values": [[t, v] for t, v in values]} for metric, values in series]
    text = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}, separators=(",", ":"))
    return Answer(status, text.encode(), 0)


A = {"route": "/orders/{id}", "le": "+Inf"}
B = {"route": 'a"},"values":[', "le": "1"}


class Difference(unittest.TestCase):
    def test_the_same_in_another_order(self):
        ours = matrix((A, [(1, "2"), (2.5, "NaN")]), (B, [(1, "+Inf")]))
        theirs = matrix((B, [(1, "+Inf")]), (dict(reversed(A.items())), [(1, "2.0"), (2.5, "NaN")]))
        self.assertEqual(difference(ours, theirs), 0)

    def test_last_digits(self):
        self.assertLess(difference(matrix((A, [(1, "2.0000000001")])), matrix((A, [(1, "2")]))), TOLERANCE)

    def test_what_differs(self):
        right = matrix((A, [(1, "2"), (2, "3")]))
        for name, wrong in {
            "value": matrix((A, [(1, "2"), (2, "3.00001")])),
            "time": matrix((A, [(1, "2"), (3, "3")])),
            "a point less": matrix((A, [(1, "2")])),
            "a point more": matrix((A, [(1, "2"), (2, "3"), (3, "3")])),
            "no number": matrix((A, [(1, "2"), (2, "NaN")])),
            "infinite": matrix((A, [(1, "2"), (2, "+Inf")])),
            "labels": matrix((B, [(1, "2"), (2, "3")])),
            "a series more": matrix((A, [(1, "2"), (2, "3")]), (B, [(1, "2")])),
            "nothing": matrix(),
            "status": matrix((A, [(1, "2"), (2, "3")]), status=503),
        }.items():
            with self.subTest(name):
                self.assertGreater(difference(wrong, right), TOLERANCE)

    def test_nothing_on_both_sides_proves_nothing(self):
        self.assertEqual(difference(matrix(), matrix()), math.inf)

    def test_instant(self):
        def vector(value):
            return Answer(200, b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[7,"%s"]}]}}' % value, 0)
        self.assertEqual(difference(vector(b"1"), vector(b"1")), 0)
        self.assertEqual(difference(vector(b"1"), vector(b"2")), 0.5)


class Chunks(unittest.TestCase):
    def test_joined(self):
        self.assertEqual(without_chunks(b"3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n"), b"abc0123456789")

    def test_cut_short(self):
        with self.assertRaises(ValueError):
            without_chunks(b"3\r\nabc\r\n")


if __name__ == "__main__":
    unittest.main()
