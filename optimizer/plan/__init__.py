"""The plan itself: tables, costs, proof, words; nothing here knows how a decision was found."""
