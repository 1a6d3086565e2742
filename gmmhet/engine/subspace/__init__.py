"""The likelihood method: modes, posteriors, and their estimation by expectation-maximisation."""
