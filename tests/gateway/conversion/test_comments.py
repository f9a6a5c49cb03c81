"""Comments of values that a conversion removes."""

from gateway.conversion.comments import with_comments_of


def test_a_missing_comment_goes_above_its_field_and_any_other_to_the_top() -> None:
    source = 'host: a # mine\n# of paths\npaths:\n  /a: "# none" # gone\n'
    result = 'servers: []\npaths:\n  /b: "# none"\n'
    expected = '# gone\n# mine\nservers: []\n# of paths\npaths:\n  /b: "# none"\n'
    assert with_comments_of(source, result) == expected


def test_a_comment_that_is_present_is_not_repeated() -> None:
    source = "# a\na: 1 # b\n# b\n"
    assert with_comments_of(source, "# a\na: 1 # b\n") == "# b\n# a\na: 1 # b\n"
