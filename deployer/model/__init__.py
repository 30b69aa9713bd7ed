"""The words of the domain as frozen values; imports nothing but the standard library and itself."""
