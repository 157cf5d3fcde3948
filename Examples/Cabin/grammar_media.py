"""Media: what plays, from where, how loud. See domain.py."""
from domain import Domain

KINDS = {"music": "music|some music|my music|songs|some songs|tunes|some tunes", "radio": "the radio|radio|some radio", "podcast": "a podcast|podcasts|my podcast|the latest podcast|some podcast",
         "audiobook": "an audiobook|my audiobook|an audio book|my audio book|the audiobook", "news": "the news|some news|the latest news|the headlines"}
GENRES = {"jazz": "jazz", "rock": "rock", "pop": "pop", "classical": "classical|classic", "techno": "techno|electronic", "hip_hop": "hip hop|rap", "country": "country", "blues": "blues",
          "reggae": "reggae", "metal": "metal|heavy metal", "folk": "folk", "soul": "soul", "children": "children's|kids'", "christmas": "Christmas"}
ARTISTS = {a: a for a in (
    "the Beatles|Mozart|Taylor Swift|Adele|Queen|Madonna|Coldplay|Eminem|Abba|Nirvana|Metallica|Elvis|Bob Marley|Beethoven|Rihanna|Drake|U2|Bach|Shakira|Sting|"
    "Elton John|David Bowie|Pink Floyd|the Rolling Stones|Ed Sheeran|Bruno Mars|Lady Gaga|Radiohead|Prince|Cher|Santana|Vivaldi|Dolly Parton|Kraftwerk").split("|")}
SOURCES = {"bluetooth": "bluetooth|my phone|the bluetooth", "usb": "USB|the USB stick|the USB drive|the stick", "fm": "FM|FM radio|the FM band", "am": "AM|AM radio|medium wave",
           "dab": "DAB|digital radio|DAB radio", "internet": "internet radio|web radio|streaming|online radio", "aux": "AUX|the AUX input|the aux cable|line in"}
BANDS = {"bass": "bass|lows|low frequencies", "treble": "treble|highs|high frequencies", "middle": "mids|middle frequencies|midrange"}
ITEMS = {"title": "title|song title|name of the song|name of this song|song name", "artist": "artist|singer|band|name of the artist|performer", "album": "album|album title|name of the album|record",
         "station": "station|radio station|name of the station|station name|channel"}

DOMAIN = Domain("media", dict(kind=KINDS, genre=GENRES, artist=ARTISTS, source=SOURCES, band=BANDS, item=ITEMS), ("artist",),
                r"music|song|radio|podcast|play|track|volume|sound|audio|loud|quiet|mute|station|tune|bass|treble|jazz|rock|pop|news|book|FM|AM|bluetooth|USB|album|artist|band|listen|hear|"
                r"skip|pause|stop|shuffle|rewind|repeat|next|previous|Beatles|Mozart|Taylor|techno|spotify|again|shut|sing|joke|story|who |connect|pair|turn it|title|episode|chapter|cancel|silence|noise|open|dance|speak|talk|youtube|netflix|game",
                more_refuses=r"Adele|Queen|fade|balance",
                more_values="Oasis|Blur|Muse|Pulp|Genesis|Yes|Rush|Toto|Journey|Kiss|Aerosmith|Bon Jovi|Bruce Springsteen|Billy Joel|"
                            "Stevie Wonder|Michael Jackson|Janet Jackson|Whitney Houston|Tina Turner|Celine Dion|Phil Collins|Peter Gabriel|"
                            "Kate Bush|Annie Lennox|George Michael|Robbie Williams|Take That|the Spice Girls|the Kinks|the Who|the Doors|"
                            "the Clash|the Cure|the Smiths|the Police|Led Zeppelin|Deep Purple|Black Sabbath|Iron Maiden|Motorhead|"
                            "Rammstein|Scorpions|Nena|Falco|Daft Punk|Air|Moby|Enya|Bjork|Roxette|Ace of Base|A-ha|Europe|Robyn|Avicii|"
                            "Tiesto|David Guetta|Calvin Harris|Dua Lipa|Billie Eilish|Lorde|Sia|Katy Perry|Pink|Kesha|Beyonce|Jay-Z|"
                            "Kanye West|Snoop Dogg|Dr Dre|Nas|Johnny Cash|Willie Nelson|Shania Twain|Garth Brooks|Miles Davis|John Coltrane|"
                            "Louis Armstrong|Ella Fitzgerald|Frank Sinatra|Nina Simone|Norah Jones|Diana Krall|Ray Charles|Aretha Franklin|"
                            "James Brown|Chopin|Schubert|Brahms|Handel|Haydn|Wagner|Verdi|Puccini|Debussy|Ravel|Liszt|Mahler|Tchaikovsky|"
                            "Dvorak|Smetana|Grieg|Sibelius|Hans Zimmer|John Williams|Ludovico Einaudi")
wish = DOMAIN.wish
wish("media_play", [("kind", "$kind")], """
(play|put on|start|turn on|switch on) {kind}
(play|put on|start) [me|us] {kind} [please]
~(I|we) (want|would like|'d like|feel like|need) (to listen to|to hear|) {kind}
(let me|let us) (hear|listen to) {kind}
{kind} (on|please)
~(can|could) (we|I) (hear|listen to|have) {kind}
~let's (listen to|hear|have|play) {kind}
~(I'm|we're) in the mood for {kind}
~how about {kind}
turn {kind} on
(get|give) (me|us) {kind} [to listen to]
~it's time for {kind}
(begin|launch|fire up) {kind}
entertain us with {kind}
(switch|change|go) (over|) to {kind}
""", 2)
wish("media_play", [("kind", "music")], """
~it's (too quiet|so quiet|so silent|too silent) in here
play (something|anything|a song|some song|whatever)
~(I|we) (want|need) (some tunes|a song|something to listen to)
(put on|play) some (good|nice) (sounds|stuff|tunes)
~let's have some (beats|tunes|party)
play my (favourites|favorites|playlist|favorite songs)
~I'd love to hear (a song|something)
""", 0.5)
wish("media_play", [("kind", "news")], """
~what's (in|on) the news
~what's (happening|going on|new) in the world
(tell|read|give) (me|us) the (news|headlines)
~any news [today]
~I (want|would like) to know what's going on in the world
""", 0.3)
wish("media_play_genre", [("genre", "$genre")], """
(play|put on|start|turn on) [me|us] [some] {genre} [music|songs]
~(I|we) (want|would like|'d like|need) [to hear|to listen to] [some] {genre} [music|songs]
[some] {genre} music [please]
~(I'm|we're) in the mood for [some] {genre} [music]
~let's (have|hear|listen to|play) [some] {genre} [music]
~how about [some] {genre} music
(find|search for|look for|choose|select) [some] {genre} (music|songs|station)
(switch|change) to {genre} [music]
~(can|could) (we|I) (hear|have) some {genre} [music]
a {genre} (song|playlist|station) [please]
play (a|the|my) {genre} (song|playlist|station|mix)
~{genre} (music|songs) would be (nice|great|good)
(give|get) me some {genre} [music]
something (with|from) {genre} music
~I (love|like|feel like) {genre} music, play some
""", 2)
wish("media_play_artist", [("artist", "$artist")], """
(play|put on|start) [me|us] [something by|some|songs by|music by|a song by] {artist}
~(I|we) (want|would like|'d like) to (hear|listen to) [something by|songs by] {artist}
(music|songs|something|a song|the best) (by|from|of) {artist} [please]
~(I'm|we're) in the mood for {artist}
~let's (hear|listen to|have) [some] {artist}
~how about [some] {artist}
{artist} please
(find|search for|look for|choose|select) [songs by|music by] {artist}
~(can|could) (we|I) (hear|have) [some] {artist}
play the (latest|new|best|first) (album|song|hits) (by|from|of) {artist}
(switch|change) to {artist}
~I (love|like|feel like) {artist}, play (something|a song)
(play|put on) (an album|the hits|the greatest hits|a playlist) (by|of|from) {artist}
~got anything (by|from) {artist}
(give|get) (me|us) some {artist}
""", 2)
for action, text in (
        ("pause", "pause [please]\n(pause|hold|halt|interrupt) (it|this|the music|the song|the track|playback|the podcast|the audiobook)\n(put|set) (the music|the song|it|playback) on (pause|hold)\n~(I|we) (want|need) to pause (it|the music|the song)\nhold the (music|song|playback) for a (moment|second|minute)\nstop playing for a (moment|second|minute)\n(take|make) a break with the music\nfreeze the (song|playback)"),
        ("resume", "(resume|continue|unpause|carry on) [the music|the song|playback|playing|the podcast|the audiobook]\n(go on|carry on|keep on) (playing|with the music|with the song)\n(play|start) (it|the music|the song|this) again after the pause\nplay on [please]\n(continue|resume) where (we|I) (left off|stopped)\nunpause [it|the music|the song] [please]\nkeep playing\n(back to|on with) the (music|song|podcast)"),
        ("stop", "(stop|end|quit|kill) the (music|song|playback|track|radio|podcast|audiobook)\n(stop|end) (playing|playback)\n(turn|switch|shut) off the (music|radio|podcast|audio|audiobook)\n(turn|switch) the (music|radio|podcast|audio) off\n(music|radio|podcast|audio) off [please]\nno more (music|songs|radio|podcasts)\n~(I|we) don't want (any|the) (music|radio|podcast) [any more]\n~that's enough (music|radio)\n~I (can't|don't want to) (hear|listen to) (it|this|the music|the radio) any more\nturn that (noise|racket|music) off"),
        ("next", "(next|skip) [please]\n(next|following) (song|track|title|one|episode|chapter) [please]\n(skip|jump over|pass) (this|the|that) (song|track|title|one|episode)\n(play|go to|jump to|give me|skip to) the (next|following) (song|track|title|one|episode|chapter)\n~I don't like (this song|this one|that song|this track)\n~(this|that) (song|track) is (boring|terrible|awful|bad|annoying)\n(something else|another song|another one|a different song) [please]\nskip (it|forward|ahead)\n(go|jump|move) (on|forward|ahead) [to the next (song|track|one)]\n~not this (song|one) [again]\nchange the (song|track)"),
        ("previous", "(previous|last) (song|track|title|one|episode|chapter) [please]\n(play|go to|jump to|go back to|skip back to) the (previous|last|one before|preceding) (song|track|title|one|episode)\n(go|skip|jump) back [a|one] (song|track|title|chapter)\nback to the (last|previous) (song|track|one)\n(play|repeat) the song before [this one]\n~I want to hear the (previous|last) (song|one|track) again\n~what was that last song, (play it again|go back)\none (song|track) back [please]\nthe (song|track) before [please]\n~I (loved|liked) the last (song|one), go back")):
    wish("media_control", [("action", action)], text, 1)
wish("media_set_volume", [("percent", "$percent")], """
(set|put|turn|change|adjust) the (volume|sound|music|loudness) [up|down] to {percent}
(volume|loudness) [to|at] {percent} [please]
~(I|we) (want|would like|need) the (volume|music|sound) at {percent}
(raise|lower|increase|reduce) the (volume|loudness) to {percent}
(make|have|keep) the (volume|music) [at] {percent}
~the (volume|music) should be [at] {percent}
{percent} volume [please]
(turn|crank|bring) (it|the volume|the music) (up|down) to {percent}
(play|run) the music at {percent} [volume]
~let's have the (volume|music) at {percent}
{percent} (for|on) the volume
sound [level] [to|at] {percent}
""", 1.6)
for direction, text in (
        ("up", "louder [please]\n(turn|crank|pump) up the (volume|music|radio|sound) [a bit|a little]\n(turn|crank|pump) (it|the volume|the music|the sound) up [a bit|a little]\n(raise|increase|boost) the (volume|sound) [a bit|a little]\nvolume up [please]\n[a bit|a little|much] louder [please]\nmake (it|the music|the radio) [a bit|a little|much] louder\n~(it|the music|the radio|the sound) is too (quiet|low|soft)\n~I can't hear (anything|the music|the radio|the song|the words)\n~(the music|it) could be [a bit|a little] louder\nmore volume [please]\n(pump|blast) (the music|it)\n~I (want|would like) it louder\n~I can (hardly|barely) hear (it|the music|the radio|what they are saying)\n(music|radio|sound) louder"),
        ("down", "quieter [please]\nturn down the (volume|music|radio|sound) [a bit|a little]\nturn (it|the volume|the music|the sound) down [a bit|a little]\n(lower|decrease|reduce) the (volume|sound) [a bit|a little]\nvolume down [please]\n[a bit|a little|much] (quieter|softer) [please]\nmake (it|the music|the radio) [a bit|a little|much] (quieter|softer)\n~(it|the music|the radio|the sound) is [way|far|much] too loud\n~I can't hear (myself think|you|what you are saying) over the music\n~(the music|it) could be [a bit|a little] quieter\nless volume [please]\nnot so loud [please]\n~I (want|would like) it quieter\n~my ears hurt [from the music]\n(music|radio|sound) (quieter|softer)\n~the (kids|baby) (are|is) sleeping, (turn it down|less volume|quieter please)")):
    wish("media_adjust_volume", [("direction", direction)], text, 1.3)
for on, text in (
        (True, "mute [please]\n(mute|silence) (it|the music|the sound|the radio|everything|the audio|the speakers)\n(turn|switch) off the sound\n(turn|switch) the sound off\nsound off [please]\nno sound [please]\n(complete|total|) silence [please]\n~I (want|need) silence\n(activate|turn on|switch on) mute\nmute on\nput (it|the sound|the radio) on mute"),
        (False, "unmute [please]\n(unmute) (it|the music|the sound|the radio|everything|the audio|the speakers)\n(turn|switch) the sound (back on|on|on again)\n(turn|switch) (on|back on) the sound\nsound on [please]\n(give|bring) (me|us) (the sound|sound) back\nsound (back|again) please\n(deactivate|turn off|switch off) mute\nmute off\ntake (it|the sound|the radio) off mute\n~why is there no sound")):
    wish("media_set_mute", [("on", on)], text, 0.8)
wish("media_set_source", [("source", "$source")], """
(switch|change|go|set) [the source|the audio|the input] to {source}
(play|listen|stream) [music] (from|via|over) {source}
(use|take|select|choose) {source} [as the source|for music|as audio source]
{source} [please]
~(I|we) (want|would like|'d like) to (listen to|use|hear) {source}
(source|input|audio) {source} [please]
~(can|could) (we|I) (use|listen to|play from) {source}
change the (source|input) to {source}
~the music is on {source}
~let's (use|take|listen to) {source}
(connect|switch over|move) to {source}
put {source} on
""", 1.4)
for on, text in (
        (True, "(shuffle|mix|randomize) [the|my|this] (songs|playlist|album|music|tracks)\n(turn|switch) on (shuffle|random|random play|shuffle mode)\n(turn|switch) (shuffle|random|random play|shuffle mode) on\n(shuffle|random|shuffle mode) on [please]\nshuffle [please]\n(play|put) (the songs|the playlist|everything|them|it) (in random order|randomly|on shuffle|mixed)\n~I want (shuffle|random order|the songs in random order)\n(activate|enable|use) (shuffle|random) [mode|play]\nrandom order [please]"),
        (False, "(stop|don't|no more) (shuffling|shuffle|mixing) [the (songs|playlist)]\n(turn|switch) off (shuffle|random|random play|shuffle mode)\n(turn|switch) (shuffle|random|random play|shuffle mode) off\n(shuffle|random|shuffle mode) off [please]\nno (shuffle|random order) [please]\n(play|put) (the songs|the playlist|everything|them|it) in (order|sequence|the right order|the normal order)\n~I don't want (shuffle|random order)\n(deactivate|disable) (shuffle|random) [mode|play]\n(original|normal|album) order [please]")):
    wish("media_set_shuffle", [("on", on)], text, 0.7)
for on, text in (
        (True, "(repeat|loop|replay) (this|the|that) (song|track|album|playlist)\n(turn|switch) on (repeat|loop|repeat mode)\n(turn|switch) (repeat|loop|repeat mode) on\n(repeat|loop|repeat mode) on [please]\n(play|put) (this|the) (song|track|album) (over and over|again and again|in a loop|on repeat|on loop)\n~I want to hear (this|this song|that song) (again and again|over and over|on repeat|in a loop)\n(activate|enable|use) repeat [mode]\nkeep (repeating|playing) this (song|track|album)\nrepeat it"),
        (False, "(stop|no more) (repeating|looping|the loop) [the song|the album|this]\n(turn|switch) off (repeat|loop|repeat mode)\n(turn|switch) (repeat|loop|repeat mode) off\n(repeat|loop|repeat mode) off [please]\nno (repeat|loop|repetition) [please]\ndon't (repeat|loop) (it|this|the song|the album) [any more]\n~I don't want (repeat|it on repeat|the song on repeat) [any more]\n(deactivate|disable) repeat [mode]\nplay it only once")):
    wish("media_set_repeat", [("on", on)], text, 0.7)
for direction, verb, adj in (("up", "(turn up|raise|increase|boost|crank up)", "more"), ("down", "(turn down|lower|decrease|reduce|cut)", "less")):
    wish("media_adjust_tone", [("band", "$band"), ("direction", direction)], f"""
{verb} the {{band}} [a bit|a little]
{adj} {{band}} [please]
[a bit|a little|much] {adj} {{band}} [please]
~(I|we) (want|need|would like|'d like) [a bit|a little] {adj} {{band}}
~there's {'(not enough|too little)' if direction == 'up' else '(too much|so much)'} {{band}}
{{band}} {direction} [a bit|a little] [please]
~the {{band}} is too {'(weak|low|quiet)' if direction == 'up' else '(strong|loud|heavy)'}
(give|let) me (have|) {adj} {{band}}
make the {{band}} {'(stronger|louder)' if direction == 'up' else '(weaker|softer)'}
~(can|could) (we|I) (have|get) {adj} {{band}}
""", 0.8)
wish("media_get", [("item", "$item")], """
(what's|what is) the {item}
(what's|what is) the {item} (playing|of this|here|now)
(tell|show|give) me the {item}
~(I|we) (want|would like|'d like) to know the {item}
(which|what) {item} is (this|that|it|playing|on)
~do you know the {item}
~can you (tell|show) me the {item}
read (out|me) the {item}
display the {item}
""", 1)
for item, text in (("title", "what's this (called|song called|song)\nwhat (song|track|tune) (is this|is that|are we hearing|is playing|am I listening to)\nwhat's (playing|on) [right now|now]\nwhat are we listening to\nname this (song|tune|track)"),
                   ("artist", "who (is this|sings this|sings that|is singing|plays this|is that|sang this|made this song)\nwhose song is (this|that)\nwho is the (singer|artist|band|musician)\nwho performs this [song]\nby whom is this (song|track)"),
                   ("album", "(which|what) album is this [song] (from|on)\nwhat record is this (from|on)\nfrom which album is this [song]\non which album is this [song]\nwhat's the album [called]"),
                   ("station", "(which|what) (station|channel) (are we listening to|is this|do we hear|is it|is tuned in|am I on)\nwhat station are we on\nwhat's this station [called]\nwhich radio (station|channel) is on\nwhat channel is this")):
    wish("media_get", [("item", item)], "\n".join("~" + t for t in text.splitlines()), 0.35)
