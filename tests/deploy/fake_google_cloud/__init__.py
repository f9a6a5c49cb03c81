"""A fake of Google Cloud's APIs on loopback: what deployments call, for the real and for the fake gcloud.

It keeps its state in memory, uses the APIs' wire formats, and can inject faults. It does not model permissions, quotas
and propagation delays.
"""
