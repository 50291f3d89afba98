//! The session layer, question by question.
