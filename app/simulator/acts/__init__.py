"""What can happen in the simulated account: each act changes the record and emits the events Stripe would.

Called by the API, the payment page and the control, always inside `Store.changes()`.
"""
