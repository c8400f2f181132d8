namespace Conclave.Testing;

/// <summary>
/// Who holds one name, as far as the holders may believe it: every grant is judged against all that are held in that moment. A claim says by
/// itself when it may not be believed any more, so one that is lost or released counts no more.
/// </summary>
/// <param name="name">The name, for messages.</param>
/// <param name="capacity">How much weight may be held at once; a claim of this weight is alone.</param>
/// <param name="fences">True when tokens rise: that of one that is alone over all earlier ones, and every other over the earlier ones that were alone.</param>
internal sealed class Holders(string name, int capacity, bool fences)
{
    private readonly Lock _lock = new();
    private readonly List<(Claim Claim, int Weight)> _held = [];
    private FencingToken _largest;
    private FencingToken _largestAlone;
    private int _pending;
    private int _asked;
    private int _waits;
    private int _grants;
    private int _most;

    /// <summary>How many were granted.</summary>
    public int Grants => Volatile.Read(ref _grants);

    /// <summary>How many held at once, at most.</summary>
    public int Most => Volatile.Read(ref _most);

    /// <summary>True when three of ten who asked, or more, found too much in use or asked for before them.</summary>
    public bool IsContended => Volatile.Read(ref _waits) >= Volatile.Read(ref _asked) * 3 / 10;

    /// <summary>What to say of a run that was too weak.</summary>
    public string Strength => $"{Grants} grants of '{name}', {Most} together at most; {_waits} of {_asked} found too much in use";

    /// <summary>Somebody is about to ask.</summary>
    public void OnAsk(int weight)
    {
        lock (_lock)
        {
            _asked++;
            _waits += _held.Where(h => h.Claim.IsHeld).Sum(h => h.Weight) + _pending + weight > capacity ? 1 : 0;
            _pending += weight;
        }
    }

    /// <summary>Somebody who asked got nothing.</summary>
    public void OnRefusal(int weight)
    {
        lock (_lock)
        {
            _pending -= weight;
        }
    }

    /// <summary>Somebody who asked was granted.</summary>
    public void OnGrant(Claim claim, int weight)
    {
        lock (_lock)
        {
            _held.RemoveAll(h => h.Claim.State is ClaimState.Released or ClaimState.Lost);
            _held.Add((claim, weight));
            _pending -= weight;
            _grants++;

            // all of them were granted before the first is looked at, so who is held now was held together with all others
            var held = _held.Where(h => h.Claim.IsHeld).ToArray();
            _most = Math.Max(_most, held.Length);
            int inUse = held.Sum(h => h.Weight);
            Check.That(inUse <= capacity, $"{inUse} of {capacity} are in use on '{name}' with the tokens {string.Join(", ", held.Select(h => $"{h.Claim.Token} ({h.Weight})"))}");
            if (fences && claim.IsHeld)
            {
                var earlier = weight == capacity ? _largest : _largestAlone;
                Check.That(claim.Token > earlier, $"the token {claim.Token} of '{name}' was granted after {earlier}, and is not larger");
            }

            _largest = claim.Token > _largest ? claim.Token : _largest;
            _largestAlone = weight == capacity && claim.Token > _largestAlone ? claim.Token : _largestAlone;
        }
    }
}
