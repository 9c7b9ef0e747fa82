"""What models that judge or write are told, and what of their replies is believed."""
