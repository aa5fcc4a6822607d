"""Tests of the operator's operations."""
