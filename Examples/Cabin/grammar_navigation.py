"""Navigation: where to, which way, what the route says. See domain.py."""
from domain import Domain

PLACES = {p: p for p in (
    "Berlin|Paris|London|Munich|Rome|Madrid|Hamburg|Vienna|Zurich|Prague|Lyon|Milan|Brussels|Amsterdam|Dresden|Leipzig|Stuttgart|Cologne|"
    "Oxford|Boston|Chicago|Dallas|Lisbon|Dublin|Warsaw|Geneva|Florence|Venice|Naples|Bonn").split("|")}
PLACES |= {
    "home": "home|my home|my house|our house", "work": "work|my office|the office|my workplace", "airport": "the airport",
    "train station": "the [train|railway] station|the central station", "city center": "the city center|the city centre|downtown|the town centre",
    "hotel": "the hotel|my hotel|our hotel", "university": "the university|the campus", "stadium": "the stadium|the football stadium",
    "beach": "the beach", "museum": "the museum", "zoo": "the zoo", "school": "the school|the kids' school", "harbour": "the harbour|the harbor|the port",
    "cinema": "the cinema|the movie theater|the movies", "town hall": "the town hall|the city hall", "shopping mall": "the [shopping] mall|the shopping centre"}
CATEGORIES = {
    "charging_station": "charging station|charger|charging point|place to charge [the car]", "fuel_station": "gas station|petrol station|fuel station|filling station",
    "parking": "parking space|parking lot|car park|parking garage|place to park|parking", "restaurant": "restaurant|place to eat|diner|bistro",
    "cafe": "cafe|coffee shop|café|place for a coffee", "hotel": "hotel|place to stay|bed and breakfast|motel", "supermarket": "supermarket|grocery store|food store",
    "hospital": "hospital|emergency room|clinic", "pharmacy": "pharmacy|chemist|drugstore", "toilet": "toilet|restroom|bathroom|rest room|loo",
    "atm": "ATM|cash machine|cashpoint|bank machine", "rest_area": "rest area|rest stop|service area|services"}
FEATURES = {
    "tolls": "toll roads|tolls|roads with tolls|paid roads", "motorways": "motorways|highways|freeways|the autobahn|the motorway|the highway",
    "ferries": "ferries|the ferry|ferry crossings", "tunnels": "tunnels|the tunnel", "traffic": "traffic|traffic jams|the traffic jam|congestion|jams|the traffic"}
ITEMS = {
    "arrival_time": "arrival time|ETA|time of arrival|estimated arrival", "remaining_distance": "remaining distance|distance to the destination|distance left|distance to go",
    "remaining_time": "remaining time|time left|remaining driving time|driving time left|time to the destination", "next_turn": "next turn|next manoeuvre|next instruction|next direction",
    "traffic": "traffic|traffic situation|traffic report|traffic ahead", "speed_limit": "speed limit|allowed speed|maximum speed here",
    "location": "location|position|current address|current location"}
VIEWS = {"2d": "2D|two D|flat|two dimensional|bird's eye", "3d": "3D|three D|three dimensional|perspective", "north_up": "north up|north facing|north on top"}

DOMAIN = Domain("navigation", dict(place=PLACES, category=CATEGORIES, feature=FEATURES, item=ITEMS, view=VIEWS), ("place",),
                r"navigat|route|rout|GPS|sat nav|drive|driv|take me|bring me|head |get me|get to|toll|traffic|jam|destination|arrive|ETA|there yet|we there|how far|how long|"
                r"where|way|find|nearest|closest|park|station|restaurant|hotel|toilet|stop|map|exit|lane|street|road|turn left|turn right|nearby|near |around here|location|"
                r"hungry|thirsty|lost|lunch|coffee|look|search|I need|we need|looking for|going to|go to|to (Berlin|Paris|London|Munich|Rome|Madrid|New York|Tokyo|home|work|the )|"
                r"speed|shut up|quiet|talking|voice|louder|quieter|reserve|book|camera|construction|straight|airport|hospital|pharmacy|supermarket|open|eat",
                more_refuses=r"zoom|how many (more )?(minutes|hours)|to turn|\bloo\b|to pee|go home|(keep|go|turn) (left|right|here)|turn (do|should)|turn back|share my|\bmap\b|^right$",
                more_values="Bristol|Leeds|York|Bath|Glasgow|Cardiff|Exeter|Norwich|Derby|Dover|Brighton|Plymouth|Liverpool|Manchester|"
                            "Seattle|Denver|Austin|Houston|Phoenix|Atlanta|Miami|Detroit|Portland|Salem|Toronto|Ottawa|Montreal|Sydney|"
                            "Perth|Oslo|Bergen|Stockholm|Helsinki|Copenhagen|Athens|Sofia|Budapest|Krakow|Gdansk|Zagreb|Split|Ljubljana|"
                            "Graz|Linz|Salzburg|Innsbruck|Basel|Bern|Lucerne|Nice|Marseille|Toulouse|Bordeaux|Nantes|Lille|Turin|Genoa|"
                            "Bologna|Verona|Pisa|Siena|Seville|Valencia|Bilbao|Porto|Ghent|Antwerp|Bruges|Utrecht|Rotterdam|Bremen|Kiel|"
                            "Rostock|Mainz|Ulm|Aachen|Essen|Dortmund|Kassel|Jena|Erfurt|library|church|castle|cathedral|theatre|gym|"
                            "swimming pool|bank|post office|police station|court|market|harbour bridge|football club|ice rink|golf course|"
                            "campsite|lake|forest|mountain hut|vineyard|dentist|doctor|kindergarten|daycare|factory|warehouse|"
                            "ferry terminal|bus station|opera|park|playground|old town|lighthouse|farm|bakery|hardware store|garden centre|"
                            "cemetery|embassy")
wish = DOMAIN.wish
wish("navigation_start_route", [("destination", "$place")], """
(navigate|drive|route|guide me|take me|bring me|get me|direct me) to {place}
(go|head|let's go|let's drive|drive us|take us) to {place}
(start|begin|open|plan|calculate|set up) [the|a] (route|navigation|route guidance|trip|journey) to {place}
(set|enter|use|make|choose) {place} (as|for) [the|my|our] destination
(set|change|update) the destination to {place}
~(I|we) (want|need|would like|'d like|have) to (go|get|drive|travel|be driven) to {place}
~(I|we) (want|need|would like) directions to {place}
(show|give|tell) (me|us) (the way|the route|directions) to {place}
(find|look up|search) [me] (the way|a route|the fastest way|the best route|the quickest route|the shortest way) to {place}
~how do (I|we) (get|drive|go) to {place} [from here]
~(what's|what is|which is) the (best|fastest|shortest|quickest) (way|route) to {place}
new destination {place}
destination {place} [please]
{place} please
route to {place} [please]
~(I'm|we're) (going|driving|heading|off|on the way) to {place}, (guide me|show me the way|start the navigation|navigate)
~let's (navigate|head|go|drive|get going) to {place}
~our (next stop|destination|goal) is {place}
~(I'm|we're) late, (get|take|bring) (me|us) to {place}
point me to {place}
lead (me|us) to {place}
~can you (get|take|bring|guide|direct) (me|us) to {place}
~(we|I) (must|should) be (in|at) {place} soon, guide me [there]
navigation to {place}
~where is {place}? (guide|take) me there
""", 3)
wish("navigation_add_stop", [("destination", "$place")], """
add [a] (stop|stopover|waypoint|intermediate stop|stop on the way) (in|at|for) {place}
add {place} (as a stop|as a waypoint|to the route|as a stopover|on the way|to the trip)
(make|plan|insert|put in|include) a (stop|stopover|waypoint|break) (in|at) {place}
(go|drive|route|take me|take us) (via|past|by way of|through) {place}
~(I|we) (want|need|would like|'d like|have) to (stop|stop by|stop over|drop by|make a stop) (in|at) {place} (first|on the way|before that)
~let's stop (in|at) {place} (first|on the way|before that)
(include|insert|put) {place} (in|into) the (route|trip|journey)
stop (in|at) {place} on the way
first {place}, then (on|onward|the rest|the destination)
(route|lead|guide) (me|us) via {place}
via {place} [please]
~before (that|the destination|we get there) (I|we) (need|want|have) to go to {place}
(new|another|one more|an extra) (stop|waypoint|stopover) (in|at) {place}
(squeeze in|fit in|work in) a stop (in|at) {place}
~on the way (I|we) (want|need|have) to (pass by|visit|see|stop at|stop in) {place}
""", 2)
wish("navigation_find", [("category", "$category")], """
(find|search|look for|show|locate|get) [me|us] (a|the nearest|the next|the closest|some) {category}
(find|search|look for|show) [me|us] a {category} (nearby|near here|close by|around here|on the route|on the way|in the area)
~where is (a|the nearest|the next|the closest) {category}
~where (can I|can we) find (a|the nearest) {category}
~is there (a|any) {category} (nearby|near here|close by|around here|on the way|ahead)
~(I|we) need a {category} [soon|now|urgently|right now]
~(I'm|we're|I am) looking for a {category}
(take|bring|guide|drive|navigate) (me|us) to (a|the nearest|the next|the closest) {category}
nearest {category} [please]
(next|closest) {category} [please]
{category} (nearby|near me|close to here|around here|on the route) [please]
~how far is (the nearest|the next|it to the next|it to the nearest) {category}
~are there any {category}s (nearby|around|near here|on the way)
~do you know a {category} (nearby|around here|close by|near here)
(show|list) [me|us] [all|the|some] {category}s (nearby|around here|near here|on the map|on the route)
~(any|a) {category} (around|here|near us|ahead)
search for {category}s
~(I|we) (want|would like|have) to (go to|stop at|visit|find) a {category}
~it's time for a {category}
~let's (find|go to|stop at|look for) a {category}
""", 2.5)
for category, text in (
        ("restaurant", "~(I'm|we're|the kids are|everyone is) [so|really|very|getting] (hungry|starving)\n~(I|we) (want|need|would like) (something to eat|to eat [something]|lunch|dinner)\n~where can (I|we) (eat|have lunch|have dinner|get something to eat)\n~let's (eat|have lunch|have dinner|grab a bite)\n~my stomach is (growling|rumbling|empty)\n~it's time (for lunch|for dinner|to eat)"),
        ("cafe", "~(I|we) (need|want|could use) a (coffee|cup of coffee|tea|cappuccino)\n~where can (I|we) (get|have|drink) a (coffee|cup of tea|cappuccino)\n~let's (have|get|grab) a coffee\n~(I|we) (would like|'d like) some (coffee|cake and coffee)\n~it's time for a coffee"),
        ("toilet", "~(I|we|the kids) (need|have) to (pee|go to the toilet|go to the bathroom|use the bathroom)\n~where can (I|we) (pee|use the bathroom|go to the toilet)\n~(I|we) (must|really must|urgently need to) (go|use the loo)\n~nature calls\n~my bladder is full"),
        ("parking", "~where can (I|we) (park|leave the car|park the car)\n~(I|we) (want|need|would like) to park [the car]\n~let's park [somewhere|here]\n~(I|we) have to (leave the car|park) somewhere\nfind (somewhere|a spot) to (park|leave the car)"),
        ("charging_station", "~where can (I|we) (charge|recharge|plug in) [the car]\n~(I|we) (need|want|have) to (charge|recharge|plug in) (on the way|somewhere|soon)\nfind (somewhere|a spot) to (charge|recharge|plug in)\n~let's charge (somewhere|on the way)\n~the battery won't last, find (a charger|somewhere to charge)"),
        ("fuel_station", "~where can (I|we) (refuel|fill up|get gas|get petrol|tank)\n~(I|we) (need|want|have) to (refuel|fill up|get gas|get petrol) (on the way|somewhere)\nfind (somewhere|a place) to (refuel|fill up|get gas)\n~let's (refuel|fill up|get gas) (somewhere|on the way)\n~where do they sell (petrol|gas|diesel) [around here]")):
    wish("navigation_find", [("category", category)], text, 0.35)
wish("navigation_cancel_route", [], """
(cancel|stop|end|abort|quit|delete|clear) the (route|navigation|route guidance|guidance|trip|directions)
(stop|quit) (navigating|guiding|guiding me|the navigation)
(navigation|route guidance|guidance|route) (off|end|cancel) [please]
~(I|we) don't need (the navigation|the route|directions|guidance) [any more|anymore]
~(I|we) know the way [from here|now]
(turn|switch) off the (navigation|route guidance|guidance|sat nav|GPS)
(turn|switch) the (navigation|route guidance|sat nav) off
~we('re| are) (there|here|at the destination), (stop|end) the (navigation|guidance)
(forget|drop|remove) the (route|destination|trip)
no more (navigation|guidance|directions) [please]
~(I|we) don't want to go there any more
~(I|we) can find the rest (myself|alone|ourselves)
(end|finish|terminate) (navigation|guidance|route guidance)
""", 1.2)
for on, verbs, extra in (
        (True, "(avoid|bypass|skip|stay off|circumvent|dodge)", "~(I|we) don't want {feature}\nno {feature} [please]\nwithout {feature} [please]\n~(I|we) don't want to (use|take|drive on|drive through|pay for) {feature}\n(find|give me|calculate|plan) a route (without|avoiding|around) {feature}\nkeep (me|us) (away from|off|out of) {feature}\n(drive|go|route|lead) (me|us) around {feature}\n~(I|we) (hate|can't stand|dislike) {feature}\nturn on (avoid|avoiding) {feature}\n~please not (on|through|by|into) {feature}\nexclude {feature}"),
        (False, "(allow|permit|use|include|accept)", "{feature} (are|is) (fine|ok|okay|allowed|no problem) [with me|for me]\ndon't avoid {feature} [any more]\nstop avoiding {feature}\n~(I|we) don't mind {feature}\nyou (may|can) (use|take|drive on) {feature} [again]\nroute (me|us) (over|through|with) {feature}\n~let's (take|use) {feature} again\nturn off (avoid|avoiding) {feature}\nwith {feature} (is fine|is okay|please)\nno need to avoid {feature}")):
    wish("navigation_set_avoid", [("feature", "$feature"), ("on", on)], f"""
{verbs} {{feature}}
{verbs} {{feature}} (on the route|on this trip|on the way|please|from now on)
~(I|we) (want|would like|prefer|'d like) to {verbs} {{feature}}
~can (we|you) {verbs} {{feature}}
~(let's|we should) {verbs} {{feature}}
set the route to {verbs} {{feature}}
{extra}""", 1)
for on, text in (
        (True, "(turn|switch) on the (voice|voice guidance|spoken directions|announcements)\n(turn|switch) the (voice|voice guidance|announcements) on\n(voice|voice guidance|spoken directions) on [please]\n~(I|we) (want|need|would like) (voice guidance|spoken directions|to hear the directions)\n(unmute|activate|enable|start) [the] (navigation|voice guidance|voice|navigation voice|spoken directions)\n(tell|read|speak|say) [me] the (directions|turns|instructions) (aloud|out loud)\n(talk|speak) to me (while navigating|about the turns)\n~why is the navigation so (quiet|silent)\nlet the navigation (talk|speak) [again]\nguide me by voice"),
        (False, "(turn|switch) off the (voice|voice guidance|spoken directions|announcements)\n(turn|switch) the (voice|voice guidance|announcements) off\n(voice|voice guidance|spoken directions) off [please]\n~(I|we) don't (want|need) (voice guidance|spoken directions|to hear the directions|the voice)\n(mute|deactivate|disable|silence) [the] (navigation|voice guidance|voice|navigation voice|spoken directions)\n(stop|quit) (talking|announcing|telling me the turns|speaking)\n(be quiet|shut up), navigation\n~the navigation (talks|speaks) too much\n~the navigation voice is (annoying|too loud|disturbing us|getting on my nerves)\nno more (announcements|spoken directions|voice) [please]\njust show the (directions|route), don't (talk|speak)")):
    wish("navigation_set_voice", [("on", on)], text, 0.7)
wish("navigation_get", [("item", "$item")], """
(what's|what is) (the|our|my) [current] {item}
(tell|give) (me|us) (the|our|my) {item}
(show|read|check) [me|us] (the|our) {item}
~(I|we) (want|need|would like|'d like) to (know|see|hear) (the|our) {item}
{item} [please]
how (is|about) the {item}
~can (I|you) (see|tell me|show me|check) (the|our) {item}
~what about the {item}
(read out|announce|display) the {item}
~do you know the {item}
any (news|information|update) on the {item}
""", 1.2)
for item, text in (
        ("arrival_time", "when (will|do) we (arrive|get there|be there|reach the destination)\n(at|by) what time (will we|do we) (arrive|get there)\nwhat time will we be there\nwhen (am I|are we) there\nwill we (be|arrive|get there) (on time|late|before noon)\nare we (on time|late|on schedule)"),
        ("remaining_distance", "how far (is it|do we have to go) [still|yet|to the destination]\nhow many (kilometers|miles) (are left|to go|do we have left|until we're there) [on the route]\nhow far (away|off) is (the destination|our destination)\nhow much (further|farther) is it\nis it still far"),
        ("remaining_time", "how long (until|till|before) we(|'re| are) (there|arrive|get there)\nhow (long|much longer) (will|does) (it|the trip|the drive) take\nhow many (minutes|hours) (are left|to go|until we're there)\nare we there yet\nhow much longer [to the destination]\nhow long do we still (drive|have to drive)"),
        ("next_turn", "(where|when) do I (turn|have to turn) [next|off]\nwhat do I do next\nwhich (way|exit|lane) (do I|should I|must I) (take|go|use) [next|now]\nwhere to next\nleft or right [next|here|now]\nwhat's the next (step|thing to do) [on the route]\nrepeat the (directions|last instruction|instruction)"),
        ("traffic", "is there (a lot of|much|any|heavy) traffic [ahead|on the route|on the way]\n(are|is) there (any|a) (traffic jams|jam|accidents|congestion) (ahead|on the way|on our route)\nhow (bad|heavy|busy) is (the traffic|the road) [ahead|today]\nis the road (clear|free|congested) [ahead]\nwhy is it (so slow|not moving) [here]"),
        ("speed_limit", "how fast (may|can|am I allowed to|are we allowed to) (I drive|we drive|drive|go) [here]\nwhat's (allowed|the limit) [here|on this road]\nwhat is the limit (here|now|on this road)\nis there a speed limit [here]\nwhat speed (is allowed|is permitted|can I drive) here"),
        ("location", "where (are we|am I) [now|right now|exactly]\n(which|what) (street|road|town|city) (is this|are we in|are we on|am I in)\n(show|tell) me where (I am|we are)\nwhere exactly (are we|am I)\nwhat's this (place|town|street) [called]\nin which (town|city|street) (are we|am I)")):
    wish("navigation_get", [("item", item)], "\n".join("~" + t for t in text.splitlines()), 0.35)
wish("navigation_set_view", [("view", "$view")], """
(switch|change|set) [the] (map|view|navigation|map view) to {view} [view|mode]
(show|display) [me] the (map|route) in {view} [view|mode]
{view} (map|view|mode|map view) [please]
~(I|we) (want|would like|prefer|'d like) [the|a] {view} (map|view|mode|map view)
(use|select|activate|choose|take) [the] {view} (map|view|mode|map view)
(turn|put) the map [in]to {view} [view|mode]
~the map should be {view}
make the map {view}
~can (I|we) (have|see) the map in {view}
map {view}
""", 0.9)
for direction, verb, text in (
        ("in", "(zoom in|zoom closer|zoom in closer)", "make the map (bigger|larger|closer)\n(enlarge|magnify|blow up) the map\n(show|give) me more detail[s] [on the map]\n(closer|a closer look) [at the map] [please]\n~the map is too (small|far away|far out)\n~I can't (see|read) the (streets|street names) on the map\n(bring|get) the map closer\n~I (want|need) more details on the map"),
        ("out", "(zoom out|zoom further out|zoom out more)", "make the map (smaller|wider)\n(shrink|reduce) the map\n(show|give) me (more of the map|the whole route|the overview|the entire route|the bigger picture)\n(further out|a wider view) [of the map] [please]\n~the map is too (big|close|close up|detailed)\n~I (want|need) (an overview|to see more) [of the map|of the route]\nroute overview [please]\n~I can't see the (whole|entire) route")):
    wish("navigation_zoom", [("direction", direction)], f"""
{verb}
{verb} [on|of|with] the map
{verb} (a bit|a little|slightly|some more) [please]
~can you {verb} [a bit]
~(I|we) (want|need) to {verb}
map {verb}
{text}""", 0.7)
