"""Ingredients, their releases and packages, package storage, and deployments."""
