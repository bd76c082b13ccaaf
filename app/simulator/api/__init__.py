"""The API: what Stripe answers under /v1, operation by operation.

Mounted by `simulator.Simulator`; reached by the real SDK over HTTP.
"""
