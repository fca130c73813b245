"""What a compiled function is made of and what it costs, line by line: data, and how it is shown.

`model` is the data, `gather` collects it, `terminal` and `page` show it.
"""
