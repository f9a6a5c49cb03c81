"""Clusters while a document is replaced."""

from gateway.envoy.clusters import with_former_clusters


def test_former_clusters_are_kept_beside_the_new_ones() -> None:
    """Requests go to them until Envoy has the new routes."""
    former = [{"name": "gone"}, {"name": "changed", "connect_timeout": "1s"}]
    new = [{"name": "changed", "connect_timeout": "2s"}, {"name": "added"}]
    assert with_former_clusters(new, former) == [{"name": "gone"}, *new]
