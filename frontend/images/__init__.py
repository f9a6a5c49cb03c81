"""The images a visitor gives. The page never decodes them."""
