"""What tests share: databases, a clock, Stripe's stand-in, a mail server, pages and a browser; tested here too."""
