--- The version of the library, in one place: `segmind.VERSION` and the User-Agent read it.
return "0.1.0"
