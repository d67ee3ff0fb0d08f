"""Files for people: the page, the workbook of finance, and the dispatcher's files, made from a plan folder alone."""
