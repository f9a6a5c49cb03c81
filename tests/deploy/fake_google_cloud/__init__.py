"""Google's control plane on loopback: just what the deployment calls, for the real gcloud and for a quick stand-in.

It keeps its state in memory, answers in the wire formats of the APIs, and can be told to fail. It proves shapes and
orders, not Google's every rule: permissions, quotas and propagation are not modelled.
"""
