"""The prediction protocols of other servers, translated to the calls that `/predict` makes."""
