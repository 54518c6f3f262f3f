"""What `doctor` says of the parts that are installed on demand."""

from importlib.metadata import PackageNotFoundError, version

from audit.queries import doctor


def test_an_extra_that_is_not_installed_is_named_with_how_to_get_it(tmp_path, monkeypatch):
    def without_scikit_learn(name):
        if name == "scikit-learn":
            raise PackageNotFoundError(name)
        return version("rich")

    monkeypatch.setattr(doctor, "version", without_scikit_learn)
    (extras,) = [one for one in doctor.examine(tmp_path / "none").checks if one.name == "extras"]
    assert extras.ok
    assert "fast: numba " in extras.detail
    assert "learned: not installed, pip install 'whysent[learned]'" in extras.detail
