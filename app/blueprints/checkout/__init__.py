"""What happens to an order after the form: the return from Stripe, the order page, paying, giving up."""
