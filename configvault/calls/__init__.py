"""One exchange with something outside: an HTTP request, a program run. Reloaders, health and notifications ask here.

Each call ends by its deadline, whatever the other side does. No error holds a header, a URL's path, query or
password, or anything of an answer's body.
"""
