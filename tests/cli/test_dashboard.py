"""`dashboard`: what cannot be served is refused with its flag."""


def test_what_cannot_be_served_is_refused(here, tmp_path):
    assert "no such log folder" in here("dashboard", tmp_path / "nowhere", code=2).stderr
    assert "--port 70000: a port is a whole number from 0" in here("dashboard", tmp_path, "--port", 70000, code=2).stderr
    assert "invalid choice: 'fr'" in here("dashboard", tmp_path, "--language", "fr", code=2).stderr
