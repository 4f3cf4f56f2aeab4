"""The only code that knows Streamlit: page frame and cached loading."""
